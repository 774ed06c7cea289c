"""Rows of venues, and the ids of our orders in the venues' letters."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import new_id
from app.exchanges.answers import answers_of
from app.exchanges.client_ids import client_order_id, order_id_of
from app.exchanges.errors import VenueUnknown
from app.exchanges.registry import dialect_of
from app.exchanges.venues import VENUES, sandbox_at, venue


def test_a_dialect_is_made_once_and_knows_its_venue() -> None:
    for venue_id in ("binance", "sandbox"):
        assert dialect_of(venue_id) is dialect_of(venue_id)
        assert dialect_of(venue_id).venue == answers_of(venue_id).venue == venue_id
    assert dialect_of("binance") is not dialect_of("sandbox")


@pytest.mark.parametrize("venue_id", ["", "ftx", "Binance", "kucoin", "binance\n"])
def test_a_venue_that_is_not_in_the_table_is_refused(venue_id: str) -> None:
    for look_up in (venue, dialect_of, answers_of):
        with pytest.raises(VenueUnknown):
            look_up(venue_id)


def test_a_venue_that_is_not_fed_yet_speaks_and_cannot_be_linked() -> None:
    waiting = [row for row in VENUES.values() if row.status == "dialect"]
    assert waiting
    for row in waiting:
        assert dialect_of(row.id).venue == answers_of(row.id).venue == row.id
        assert not row.enabled
        with pytest.raises(VenueUnknown):
            venue(row.id)


def test_every_real_venue_is_pinned_to_https_and_one_host() -> None:
    for row in VENUES.values():
        if row.status == "gone":
            assert (row.base_url, row.dialect, row.enabled) == (None, None, False)
            continue
        assert row.id == "sandbox" or re.fullmatch(r"https://[a-z.-]+", row.base_url or "")
        assert all(re.fullmatch(r"https://[a-z.-]+", host) for _, host in row.other_hosts)
        assert 0 < row.receive_window_ms <= 60_000


@pytest.mark.parametrize("url", ["http://127.0.0.1:8081", "http://localhost:1", "http://[::1]:80"])
def test_the_sandbox_may_be_on_loopback(url: str) -> None:
    assert sandbox_at(url).base_url == url
    assert VENUES["sandbox"].base_url is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "https://127.0.0.1:8081",
        "http://127.0.0.1:8081/",
        "http://127.0.0.1:8081\n",
        "http://127.0.0.1:8081@evil.example:80",
        "http://127.0.0.2.evil.example:80",
        "http://10.0.0.1:80",
        "http://api.binance.com:80",
    ],
)
def test_the_sandbox_may_be_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        sandbox_at(url)


@given(st.uuids())
def test_a_client_order_id_is_short_plain_and_tells_the_order(order_id: UUID) -> None:
    text = client_order_id(order_id)
    assert re.fullmatch(r"tc[0-9A-Za-z]{22}", text)
    assert order_id_of(text) == order_id


def test_two_orders_have_two_client_order_ids() -> None:
    assert len({client_order_id(new_id()) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "tc", "x-TKT5PX2F1", "tc" + "z" * 22, "tc" + "-" * 22])
def test_an_id_that_is_not_ours_tells_no_order(text: str) -> None:
    assert order_id_of(text) is None
