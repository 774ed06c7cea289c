"""One Trading. Market and answers are shaped as ccxt's comments show its documents."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt

from app.exchanges.models import (
    Fee,
    OpenOrder,
    OrderState,
    ReadTarget,
    VenueBalance,
    VenueTicker,
    VenueTrade,
)
from tests.exchanges.cases.case import CLIENT_ID, CLIENT_UUID, NOW_MS, Case, Samples, plain

_ENTRY: dict[str, Any] = {
    "id": "BTC_EUR",
    "type": "SPOT",
    "state": "ACTIVE",
    "base": {"code": "BTC", "precision": 8},
    "quote": {"code": "EUR", "precision": 2},
    "amount_precision": 4,
    "market_precision": 2,
    "min_size": "10.0",
}
_TOKEN = "eyJhbGciOiJIUzI1NiJ9.a-token-that-anyone-could-use"
_WIRE = str(CLIENT_UUID)
_ONE = {"clientOrderId": _WIRE}
_ROW: dict[str, Any] = {
    "order_id": "66756a10-3e86-48f4-9678-b634c4b135b2",
    "client_id": _WIRE,
    "account_id": "1eb2ad5d-55f1-40b5-bc92-7dc05869e905",
    "instrument_code": "BTC_EUR",
    "amount": "1234.5678",
    "filled_amount": "0",
    "side": "BUY",
    "type": "LIMIT",
    "status": "OPEN",
    "price": "5000",
    "time": "2019-08-24T14:15:22Z",
    "time_in_force": "GOOD_TILL_CANCELLED",
}


def _plain() -> Any:
    return plain(ccxt.onetrading, [_ENTRY], apiKey=_TOKEN)


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = _ONE | ({"timeInForce": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/EUR", kind, side, amount, price, params)


ONETRADING = Case(
    venue_id="onetrading",
    origin="https://api.onetrading.com",
    api_key_id="my-trading-token",
    secret=b"",
    algorithm="bearer",
    clear=_TOKEN,
    market="BTC_EUR",
    entry=_ENTRY,
    other=_ENTRY | {"id": "ETH_EUR", "base": {"code": "ETH", "precision": 8}},
    other_market="ETH_EUR",
    coarser=lambda entry: [entry | {"market_precision": 0}, entry | {"amount_precision": 1}],
    answer=lambda entry: [entry],
    plain=_plain,
    orders=[
        ({}, _order("limit", "buy", tif="GOOD_TILL_CANCELLED")),
        (
            {"side": "sell", "time_in_force": "IOC"},
            _order("limit", "sell", tif="IMMEDIATE_OR_CANCELLED"),
        ),
        ({"time_in_force": "FOK"}, _order("limit", "buy", number=float, tif="FILL_OR_KILL")),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
        ({"type": "market"}, _order("market", "buy", number=float)),
    ],
    cancel=lambda x: x.cancel_order(None, "BTC/EUR", dict(_ONE)),
    reads=[
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance()),
        (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
        (
            ReadTarget(kind="open_orders", market="BTC_EUR"),
            lambda x: x.fetch_open_orders("BTC/EUR"),
        ),
        (
            ReadTarget(kind="order", market="BTC_EUR", client_order_id=CLIENT_ID),
            lambda x: x.privateGetAccountOrdersClientClientId({"client_id": _WIRE}),
        ),
        (ReadTarget(kind="trades", market="BTC_EUR"), lambda x: x.fetch_my_trades("BTC/EUR")),
        (
            ReadTarget(kind="trades", market="BTC_EUR", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/EUR", NOW_MS - 9, 50),
        ),
    ],
    samples=Samples(
        rights=None,
        needed=[],
        allowed=[],
        refused=[],
        balances=(
            {"account_id": "1", "balances": [
                {"currency_code": "EUR", "available": "60.5", "locked": "40"},
                {"currency_code": "BTC", "available": "0.0", "locked": "0.0"}]},
            [VenueBalance(asset="EUR", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            {"order_history": [{"order": _ROW, "trades": []}], "max_page_size": 100},
            [
                OpenOrder(
                    market="BTC_EUR", venue_order_id="66756a10-3e86-48f4-9678-b634c4b135b2",
                    client_order_id=CLIENT_ID, side="buy", type="limit", protective=False,
                    quantity=Decimal("1234.5678"), filled_quantity=Decimal(0),
                    price=Decimal(5000), time_in_force="GOOD_TILL_CANCELLED",
                    created_at=datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC),
                )
            ],
        ),
        trades=(
            {"trade_history": [{
                "fee": {"fee_amount": "0.0014", "fee_currency": "BTC"},
                "trade": {"trade_id": "fdff2bcc", "order_id": "36bb2437", "amount": "1.5",
                          "side": "BUY", "instrument_code": "BTC_EUR", "price": "7000",
                          "time": "2019-09-27T15:05:32.564Z"}}]},
            [
                VenueTrade(
                    market="BTC_EUR", venue_order_id="36bb2437", venue_trade_id="fdff2bcc",
                    side="buy", price=Decimal(7000), quantity=Decimal("1.5"),
                    quote_quantity=Decimal(10500), fee=Fee(asset="BTC", amount=Decimal("0.0014")),
                    executed_at=datetime(2019, 9, 27, 15, 5, 32, 564000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            {"instrument_code": "BTC_EUR", "last_price": "8551.05", "best_bid": "8550.00",
             "best_ask": "8551.10"},
            VenueTicker(market="BTC_EUR", bid=Decimal(8550), ask=Decimal("8551.1"),
                        last=Decimal("8551.05")),
        ),
        outcomes=[
            ("order", 201, _ROW, OrderState.ACCEPTED, CLIENT_ID),
            ("order", 400, {"error": "INSUFFICIENT_FUNDS"}, OrderState.REJECTED,
             "INSUFFICIENT_FUNDS"),
            ("order", 400, {"error": "SOMETHING_ELSE"}, OrderState.UNKNOWN, "SOMETHING_ELSE"),
            ("order", 503, {"error": "INSUFFICIENT_FUNDS"}, OrderState.UNKNOWN,
             "INSUFFICIENT_FUNDS"),
            ("cancel", 200, {}, OrderState.UNKNOWN, "http-200"),
            ("cancel", 404, {"error": "ORDER_NOT_FOUND"}, OrderState.UNKNOWN, "ORDER_NOT_FOUND"),
            ("status", 200, {"order": _ROW, "trades": []}, OrderState.ACCEPTED, CLIENT_ID),
            ("status", 200, {"order": _ROW | {"status": "FILLED_FULLY", "average_price": "5000",
                                              "filled_amount": "1234.5678"}},
             OrderState.FILLED, CLIENT_ID),
            ("status", 200, {"order": _ROW | {"status": "DREAMING"}}, OrderState.UNKNOWN,
             "http-200"),
        ],
    ),
)  # fmt: skip
