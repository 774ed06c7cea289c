"""Weights per address and orders per account, told in headers and enforced."""

from collections.abc import Callable

import pytest

from app.sandbox.errors import VenueError
from app.sandbox.limits import Limits, Meter
from app.sandbox.service import Options, Sandbox
from tests.sandbox.support import Connection, new_client

USED = "X-MBX-USED-WEIGHT-1M"
Start = Callable[[Options], Sandbox]


def test_answers_tell_the_used_weight(start: Start) -> None:
    connection = Connection(start(Options()).url)
    first = int(connection.public("/api/v3/ping").headers[USED])
    dearer = connection.public("/api/v3/ticker/24hr").headers[USED]
    assert int(dearer) in (first + 80, 80), "the minute may turn between the two"
    refused = connection.public("/api/v3/depth", symbol="NOPE")
    assert (refused.status, int(refused.headers[USED]) >= 5) == (400, True)


def test_a_venue_without_a_weight_limit_tells_no_weight(url: str) -> None:
    assert USED not in Connection(url).public("/api/v3/ping").headers


def test_too_much_weight_is_refused_with_the_time_to_wait(start: Start) -> None:
    connection = Connection(start(Options(limits=Limits(100, 0, 0))).url)
    answers = [connection.public("/api/v3/ticker/24hr") for _ in range(3)]
    answer = answers[-1]
    assert (answer.status, answer.code) == (429, -1003)
    assert "current limit is 100 request weight per 1 MINUTE" in answer.message
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_resting_orders_are_counted_and_filled_ones_are_not(start: Start) -> None:
    url = start(Options(limits=Limits(0, 0, 3))).url
    client = new_client(url)
    filled = client.market("BUY", quantity="0.01")
    assert filled.headers["X-MBX-ORDER-COUNT-1D"] == "0"
    for count in ("1", "2", "3"):
        placed = client.limit("BUY", "0.01", "49000")
        assert placed.headers["X-MBX-ORDER-COUNT-1D"] == count
        assert "X-MBX-ORDER-COUNT-10S" in placed.headers
    refused = client.limit("BUY", "0.01", "49000")
    assert (refused.status, refused.code) == (429, -1015)
    assert int(refused.headers["Retry-After"]) >= 1
    assert new_client(url).limit("BUY", "0.01", "49000").status == 200
    assert len(client.call("GET", "/api/v3/openOrders").body) == 3


def test_a_window_starts_again_when_it_is_over() -> None:
    meter = Meter(Limits(10, 1, 5))
    assert meter.charge("127.0.0.1", 10, now=59_999) == 10
    assert meter.charge("127.0.0.2", 1, now=59_999) == 1
    with pytest.raises(VenueError) as refused:
        meter.charge("127.0.0.1", 1, now=59_001)
    assert refused.value.retry_after_seconds == 1
    assert meter.charge("127.0.0.1", 1, now=60_000) == 1
    meter.count_order("7", now=5_000)
    with pytest.raises(VenueError, match="1 orders per 10 SECOND"):
        meter.check_orders("7", now=9_999)
    meter.check_orders("8", now=9_999)
    meter.check_orders("7", now=10_000)
