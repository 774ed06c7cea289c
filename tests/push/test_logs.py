"""The lines that processes write to standard error."""

import json
import logging
import sys

from app.wiring.logs import JsonFormatter


def written(record: logging.LogRecord) -> dict[str, object]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    decoded: dict[str, object] = json.loads(line)
    return decoded


def test_a_line_has_time_level_logger_event_and_what_was_given() -> None:
    record = logging.getLogger("app.x").makeRecord(
        "app.x",
        logging.INFO,
        "f",
        1,
        "message %s",
        ("sent",),
        None,
        extra={"attempt": 2, "code": None},
    )
    record.created = 0.5
    assert written(record) == {
        "at": "1970-01-01T00:00:00.500+00:00",
        "level": "info",
        "logger": "app.x",
        "event": "message sent",
        "attempt": 2,
    }


def test_of_an_exception_the_type_and_the_places_are_logged_but_not_its_message() -> None:
    try:
        int("somebody's secret")
    except ValueError:
        fault = sys.exc_info()
    record = logging.getLogger("app.x").makeRecord(
        "app.x", logging.ERROR, "f", 1, "it failed", (), fault
    )
    line = written(record)
    assert line["exception"] == "ValueError"
    assert __file__ in str(line["places"])
    assert "somebody's secret" not in json.dumps(line)
