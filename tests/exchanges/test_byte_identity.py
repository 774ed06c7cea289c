"""Our request, signed elsewhere, is to the byte what plain ccxt makes with the secret in memory."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchanges.attaching import attach
from app.exchanges.models import CancelTarget, ReadKind, ReadTarget, Unsigned, VenueOrder
from app.exchanges.registry import dialect_of
from tests.exchanges.support import (
    API_KEY_ID,
    CLIENT_ID,
    NOW_MS,
    Seen,
    entry,
    limit_order,
    market_order,
    plain_binance,
    sign,
    snapshot,
)

_PLAIN = plain_binance()
_SNAPSHOT = snapshot()
_VENUES = pytest.mark.parametrize("venue", ["sandbox", "binance"])


def _assert_identical(ours: Unsigned, theirs: Callable[[Any], object]) -> None:
    with pytest.raises(Seen) as seen:
        theirs(_PLAIN)
    request = attach(ours, sign(ours))
    assert "https://api.binance.com" + request.path_and_query == seen.value.url
    assert request.method == seen.value.method
    assert dict(request.headers) == seen.value.headers
    assert request.body == (seen.value.body or "").encode()


def _plain_order(order: VenueOrder, number: Callable[[Decimal], Any]) -> Callable[[Any], object]:
    params = {"newClientOrderId": order.client_order_id}
    if order.time_in_force not in (None, "GTC"):
        params["timeInForce"] = str(order.time_in_force)
    price = None if order.price is None else number(order.price)
    return lambda exchange: exchange.create_order(
        "BTC/USDT", order.type, order.side, number(order.quantity), price, params
    )


@_VENUES
@pytest.mark.parametrize("number", [str, float])
@pytest.mark.parametrize(
    "order",
    [
        limit_order(),
        limit_order(side="sell", quantity=Decimal("0.00012"), price=Decimal("61234.56")),
        limit_order(time_in_force="IOC"),
        limit_order(time_in_force="FOK", side="sell"),
        market_order(),
        market_order(side="sell", quantity=Decimal(3)),
    ],
    ids=["limit", "limit-sell", "ioc", "fok", "market", "market-sell"],
)
def test_an_order_is_the_one_plain_ccxt_sends(
    order: VenueOrder, number: Callable[[Decimal], Any], venue: str
) -> None:
    ours = dialect_of(venue).build_order(_SNAPSHOT, API_KEY_ID, order, NOW_MS)
    _assert_identical(ours, _plain_order(order, number))


@given(
    quantity=st.integers(1, 900_000_000).map(lambda steps: Decimal(steps).scaleb(-5)),
    price=st.integers(1, 100_000_000).map(lambda ticks: Decimal(ticks).scaleb(-2)),
    side=st.sampled_from(["buy", "sell"]),
    tif=st.sampled_from(["GTC", "IOC", "FOK"]),
)
def test_every_order_on_tick_and_step_is_the_one_plain_ccxt_sends(
    quantity: Decimal, price: Decimal, side: str, tif: str
) -> None:
    order = limit_order(quantity=quantity, price=price, side=side, time_in_force=tif)
    ours = dialect_of("sandbox").build_order(_SNAPSHOT, API_KEY_ID, order, NOW_MS)
    _assert_identical(ours, _plain_order(order, str))


@_VENUES
def test_a_cancel_is_the_one_plain_ccxt_sends(venue: str) -> None:
    target = CancelTarget(market="BTCUSDT", client_order_id=CLIENT_ID)
    ours = dialect_of(venue).build_cancel(_SNAPSHOT, API_KEY_ID, target, NOW_MS)
    params = {"origClientOrderId": CLIENT_ID}
    _assert_identical(ours, lambda exchange: exchange.cancel_order(None, "BTC/USDT", params))


@_VENUES
@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("permissions", lambda exchange: exchange.sapi_get_account_apirestrictions()),
        ("balances", lambda exchange: exchange.fetch_balance()),
        ("open_orders", lambda exchange: exchange.fetch_open_orders()),
    ],
)
def test_an_account_read_is_the_one_plain_ccxt_sends(
    kind: ReadKind, theirs: Callable[[Any], object], venue: str
) -> None:
    ours = dialect_of(venue).build_read(None, API_KEY_ID, ReadTarget(kind=kind), NOW_MS)
    _assert_identical(ours, theirs)


@_VENUES
@pytest.mark.parametrize(
    ("target", "theirs"),
    [
        (
            ReadTarget(kind="open_orders", market="BTCUSDT"),
            lambda exchange: exchange.fetch_open_orders("BTC/USDT"),
        ),
        (
            ReadTarget(kind="order", market="BTCUSDT", client_order_id=CLIENT_ID),
            lambda exchange: exchange.fetch_order(
                None, "BTC/USDT", {"origClientOrderId": CLIENT_ID}
            ),
        ),
        (
            ReadTarget(kind="trades", market="BTCUSDT"),
            lambda exchange: exchange.fetch_my_trades("BTC/USDT"),
        ),
        (
            ReadTarget(kind="trades", market="BTCUSDT", since_ms=NOW_MS - 9, limit=500),
            lambda exchange: exchange.fetch_my_trades("BTC/USDT", NOW_MS - 9, 500),
        ),
    ],
)
def test_a_market_read_is_the_one_plain_ccxt_sends(
    target: ReadTarget, theirs: Callable[[Any], object], venue: str
) -> None:
    ours = dialect_of(venue).build_read(_SNAPSHOT, API_KEY_ID, target, NOW_MS)
    _assert_identical(ours, theirs)


def test_one_ccxt_serves_many_markets_and_keys_without_mixing_them() -> None:
    dialect, other = dialect_of("sandbox"), snapshot(entry("ETHUSDT", "ETH"))
    for _ in range(3):
        ether = dialect.build_order(other, "other-key", limit_order(market="ETHUSDT"), NOW_MS + 5)
        _assert_identical(
            dialect.build_order(_SNAPSHOT, API_KEY_ID, limit_order(), NOW_MS),
            _plain_order(limit_order(), str),
        )
        assert b"symbol=ETHUSDT" in ether.body
        assert b"timestamp=1763600000128" in ether.body
        assert dict(ether.headers)["X-MBX-APIKEY"] == "other-key"
