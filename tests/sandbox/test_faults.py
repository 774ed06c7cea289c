"""A fault misbehaves as often as asked, and says before or after the request ran."""

import http.client
import threading
import time

import pytest

from app.sandbox.service import Options
from tests.sandbox.conftest import running
from tests.sandbox.support import Client, new_client

ORDER = {"symbol": "BTCUSDT", "origClientOrderId": "mine"}


def arm(client: Client, mode: str, **more: object) -> None:
    fault = {"route": "/api/v3/order", "mode": mode, **more}
    assert client.admin("POST", "faults", fault).status == 200


def place(client: Client) -> tuple[int, int]:
    answer = client.limit("BUY", "1", "49000", newClientOrderId="mine")
    return answer.status, answer.body.get("code", 0)


def was_executed(client: Client) -> bool:
    client.admin("DELETE", "faults")
    return client.call("GET", "/api/v3/order", **ORDER).status == 200


def test_an_error_after_execution_looks_like_one_before_it(client: Client) -> None:
    arm(client, "error500")
    assert place(client) == (500, -1006)
    assert not was_executed(client)
    arm(client, "error500_after_execute")
    assert place(client) == (500, -1006)
    assert was_executed(client)


def test_a_fault_is_spent_by_its_count_and_by_its_route_and_verb(client: Client) -> None:
    arm(client, "error500", count=2, method="DELETE")
    assert client.call("GET", "/api/v3/account").status == 200
    assert place(client) == (200, 0)
    cancels = [client.call("DELETE", "/api/v3/order", **ORDER).status for _ in range(3)]
    assert cancels == [500, 500, 200]
    assert client.admin("GET", "faults").body == {"faults": []}


@pytest.mark.parametrize(
    ("mode", "status", "words"), [("429", 429, "Too much request"), ("418", 418, "IP banned until")]
)
def test_a_rate_limit_says_when_to_come_back(
    client: Client, mode: str, status: int, words: str
) -> None:
    arm(client, mode, ms=2_500)
    answer = client.limit("BUY", "1", "49000", newClientOrderId="mine")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (status, -1003, "3")
    assert words in answer.message
    assert not was_executed(client)


def test_a_delayed_request_runs_late(client: Client) -> None:
    arm(client, "delay", ms=200)
    started = time.monotonic()
    assert place(client) == (200, 0)
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("mode", "executed"), [("hang", False), ("hang_after_execute", True)])
def test_a_hanging_request_ends_with_a_broken_connection(
    client: Client, mode: str, *, executed: bool
) -> None:
    arm(client, mode, ms=200)
    started = time.monotonic()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        place(client)
    assert time.monotonic() - started >= 0.2
    assert was_executed(client) is executed


@pytest.mark.parametrize(("mode", "executed"), [("reset", False), ("reset_after_execute", True)])
def test_a_reset_connection_does_not_tell_what_happened(
    client: Client, mode: str, *, executed: bool
) -> None:
    arm(client, mode)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        place(client)
    assert was_executed(client) is executed


def test_a_fault_of_an_unknown_kind_is_refused(client: Client) -> None:
    for wrong in ({"mode": "fire"}, {"mode": "429", "count": 0}, {"mode": "429", "extra": 1}):
        assert client.admin("POST", "faults", {"route": "/api/v3/order", **wrong}).status == 400


def test_the_venue_stops_although_a_request_hangs() -> None:
    def wait() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            place(client)

    with running(Options()) as sandbox:
        client = new_client(sandbox.url)
        arm(client, "hang", ms=60_000)
        hanging = threading.Thread(target=wait)
        hanging.start()
        while client.admin("GET", "faults").body["faults"]:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    hanging.join(timeout=5)
    assert not hanging.is_alive()
