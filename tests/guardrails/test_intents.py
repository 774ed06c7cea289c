"""The terms of an order come from a signed intent and go into what an approval shows."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.canonical import canonical_json, parse_canonical
from app.core.errors import DomainError
from app.guardrails.intents import order_from_view, order_view, parse_intent
from tests.guardrails.support import decided, limit, market

_LIMIT: dict[str, Any] = {
    "kind": "order",
    "market": "BTCUSDT",
    "side": "buy",
    "type": "limit",
    "quantity": "0.01",
    "price": "50000.00",
}
_MARKET: dict[str, Any] = {
    "kind": "order",
    "market": "BTCUSDT",
    "side": "buy",
    "type": "market",
    "quantity": "0.01",
}


def test_an_intent_becomes_terms_and_a_limit_order_is_good_till_cancelled() -> None:
    assert parse_intent(_LIMIT) == limit()
    assert parse_intent(_LIMIT | {"time_in_force": "FOK"}) == limit(time_in_force="FOK")
    assert parse_intent(_MARKET) == market()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "cancel"},
        {"market": ""},
        {"market": "BTC USDT"},
        {"market": "\u0412TCUSDT"},
        {"market": "BTCUSDT\n"},
        {"market": "B" * 33},
        {"side": "BUY"},
        {"side": "short"},
        {"type": "stop_loss"},
        {"quantity": "1e3"},
        {"quantity": "-0"},
        {"quantity": "NaN"},
        {"quantity": 1},
        {"quantity": 0.01},
        {"price": None},
        {"price": "0"},
        {"price": 50000},
        {"time_in_force": None},
        {"time_in_force": "GTX"},
        {"asked_as": "market"},
        {"reduce_only": True},
        {"quoteOrderQty": "500"},
        {"type": "market"},
    ],
)
def test_an_intent_with_anything_else_in_it_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        parse_intent(_LIMIT | changes)


@pytest.mark.parametrize("field", list(_LIMIT))
def test_an_intent_with_anything_missing_is_refused(field: str) -> None:
    with pytest.raises(DomainError):
        parse_intent({name: value for name, value in _LIMIT.items() if name != field})


@pytest.mark.parametrize("changes", [{"price": "1"}, {"time_in_force": "IOC"}])
def test_a_market_intent_has_no_price_and_no_time_in_force(changes: dict[str, str]) -> None:
    with pytest.raises(DomainError):
        parse_intent(_MARKET | changes)


def test_a_view_shows_the_order_that_is_sent_and_reads_back() -> None:
    sent = decided(market("0.010")).order
    assert order_view(sent) == {
        "market": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "quantity": "0.01",
        "price": "50500",
        "time_in_force": "IOC",
        "asked_as": "market",
    }
    assert order_from_view(order_view(sent)) == sent


@given(
    quantity=st.decimals(Decimal("1E-18"), Decimal("1E17"), places=18),
    price=st.decimals(Decimal("1E-18"), Decimal("1E17"), places=18),
    side=st.sampled_from(["buy", "sell"]),
    tif=st.sampled_from(["GTC", "IOC", "FOK"]),
)
def test_every_view_survives_canonical_json(
    quantity: Decimal, price: Decimal, side: str, tif: str
) -> None:
    order = limit(quantity, price, side=side, time_in_force=tif)
    shown = parse_canonical(canonical_json(order_view(order)))
    assert order_from_view(shown) == order
