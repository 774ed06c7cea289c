"""Scalars of the proto3 JSON mapping, as leniently as Google's own parser reads them."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mock_push.fcm.discovery import Property

DURATION = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s\Z")
TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
INT32 = range(-(2**31), 2**31)
WELL_KNOWN: Final = "type.googleapis.com/google.protobuf."


class ScalarError(ValueError):
    """``Invalid value at '<path>' (<type>), <shown>``; the path is the caller's to add."""

    def __init__(self, type_name: str, shown: str) -> None:
        super().__init__(type_name, shown)
        self.type_name = type_name
        self.shown = shown


def read_scalar(definition: Property, value: object) -> object:
    """A scalar in its canonical form.

    Raises
    ------
    ScalarError
        The value does not fit the field's type.
    """
    if definition.enum is not None:
        return _enum(definition.enum, value)
    return READERS[definition.type, definition.format](value)


def _enum(names: tuple[str, ...], value: object) -> str:
    # The SDK sends "high" where the schema says HIGH, and Google takes it.
    if isinstance(value, str) and value.upper() in names:
        return value.upper()
    raise ScalarError("TYPE_ENUM", json.dumps(value))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ScalarError("TYPE_STRING", json.dumps(value))
    return value


def _duration(value: object) -> str:
    if not isinstance(value, str) or not value.endswith("s"):
        shown = "Illegal duration format; duration must end with 's'"
        raise ScalarError(f"{WELL_KNOWN}Duration", shown)
    if not DURATION.match(value):
        shown = "Illegal duration format; duration must be a number of seconds"
        raise ScalarError(f"{WELL_KNOWN}Duration", shown)
    return value


def _timestamp(value: object) -> str:
    if isinstance(value, str) and TIMESTAMP.match(value):
        try:
            datetime.fromisoformat(value[:19])
        except ValueError:
            pass
        else:
            return value
    raise ScalarError(f"{WELL_KNOWN}Timestamp", "Illegal timestamp format")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ScalarError("TYPE_BOOL", json.dumps(value))


def _int32(value: object) -> int:
    number = _number(value)
    if number is None or not number.is_integer() or int(number) not in INT32:
        raise ScalarError("TYPE_INT32", json.dumps(value))
    return int(number)


def _float(value: object) -> float:
    number = _number(value)
    if number is None:
        raise ScalarError("TYPE_FLOAT", json.dumps(value))
    return number


def _number(value: object) -> float | None:
    """A number, or digits in a string, which proto3 JSON takes too."""
    try:
        readable = isinstance(value, str | int | float) and not isinstance(value, bool)
        return float(value) if readable else None  # type: ignore[arg-type]  # readable says so
    except (ValueError, OverflowError):
        return None


# Every pair of type and format in the document; a new one fails loudly, a test reads them all.
READERS: Final[dict[tuple[str | None, str | None], Callable[[object], object]]] = {
    ("string", None): _string,
    ("string", "google-duration"): _duration,
    ("string", "google-datetime"): _timestamp,
    ("boolean", None): _boolean,
    ("integer", "int32"): _int32,
    ("number", "float"): _float,
}
