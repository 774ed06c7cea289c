"""Bitvavo. Market and answers are shaped as ccxt's comments show its documents."""

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
    "market": "BTC-EUR",
    "status": "trading",
    "base": "BTC",
    "quote": "EUR",
    "pricePrecision": "0",
    "tickSize": "0.10",
    "minOrderInBaseAsset": "0.00006100",
    "minOrderInQuoteAsset": "5.00",
    "maxOrderInBaseAsset": "1000000000.00000000",
    "maxOrderInQuoteAsset": "1000000000.00",
    "quantityDecimals": "8",
    "notionalDecimals": "2",
    "maxOpenOrders": "100",
    "orderTypes": ["market", "limit", "stopLoss", "stopLossLimit"],
}
_KEY, _SECRET = "0123456789abcdef" * 4, "fedcba9876543210" * 8
_WIRE = str(CLIENT_UUID)
_ONE = {"clientOrderId": _WIRE}
_ROW: dict[str, Any] = {
    "orderId": "af76d6ce-9f7c-4006-b715-bb5d430652d0",
    "clientOrderId": _WIRE,
    "market": "BTC-EUR",
    "created": 1590505649241,
    "updated": 1590505649241,
    "status": "new",
    "side": "sell",
    "orderType": "limit",
    "amount": "0.25",
    "amountRemaining": "0.25",
    "price": "183.49",
    "filledAmount": "0",
    "filledAmountQuote": "0",
    "feePaid": "0",
    "feeCurrency": "EUR",
    "fills": [],
    "timeInForce": "GTC",
}
_FILL = {"status": "filled", "filledAmount": "0.25", "filledAmountQuote": "45.75", "feePaid": "1"}


def _error(code: int) -> Any:
    return {"errorCode": code, "error": "no"}


def _plain() -> Any:
    return plain(ccxt.bitvavo, [_ENTRY], apiKey=_KEY, secret=_SECRET, options={"operatorId": "1"})


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = _ONE | ({"timeInForce": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/EUR", kind, side, amount, price, params)


BITVAVO = Case(
    venue_id="bitvavo",
    origin="https://api.bitvavo.com",
    api_key_id=_KEY,
    secret=_SECRET.encode(),
    algorithm="hmac-sha256",
    market="BTC-EUR",
    entry=_ENTRY,
    other=_ENTRY | {"market": "ETH-EUR", "base": "ETH"},
    other_market="ETH-EUR",
    coarser=lambda entry: [entry | {"tickSize": "1"}, entry | {"quantityDecimals": "1"}],
    answer=lambda entry: entry,
    plain=_plain,
    orders=[
        ({}, _order("limit", "buy", tif="GTC")),
        ({"side": "sell", "time_in_force": "IOC"}, _order("limit", "sell", tif="IOC")),
        ({"time_in_force": "FOK"}, _order("limit", "buy", number=float, tif="FOK")),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
        ({"type": "market"}, _order("market", "buy", number=float)),
    ],
    cancel=lambda x: x.cancel_order(None, "BTC/EUR", dict(_ONE)),
    reads=[
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance()),
        (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
        (
            ReadTarget(kind="open_orders", market="BTC-EUR"),
            lambda x: x.fetch_open_orders("BTC/EUR"),
        ),
        (
            ReadTarget(kind="order", market="BTC-EUR", client_order_id=CLIENT_ID),
            lambda x: x.fetch_order(None, "BTC/EUR", dict(_ONE)),
        ),
        (ReadTarget(kind="trades", market="BTC-EUR"), lambda x: x.fetch_my_trades("BTC/EUR")),
        (
            ReadTarget(kind="trades", market="BTC-EUR", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/EUR", NOW_MS - 9, 50),
        ),
    ],
    samples=Samples(
        rights=None,
        needed=[],
        allowed=[],
        refused=[],
        balances=(
            [{"symbol": "EUR", "available": "60.5", "inOrder": "40"},
             {"symbol": "BTC", "available": "0", "inOrder": "0"}],
            [VenueBalance(asset="EUR", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            [_ROW, _ROW | {"orderType": "stopLossLimit"}],
            [
                OpenOrder(
                    market="BTC-EUR", venue_order_id="af76d6ce-9f7c-4006-b715-bb5d430652d0",
                    client_order_id=CLIENT_ID, side="sell", type=kind, protective=protective,
                    quantity=Decimal("0.25"), filled_quantity=Decimal(0), price=Decimal("183.49"),
                    time_in_force="GTC",
                    created_at=datetime(2020, 5, 26, 15, 7, 29, 241000, tzinfo=UTC),
                )
                for kind, protective in (("limit", False), ("stopLossLimit", True))
            ],
        ),
        trades=(
            [{"id": "b0c86aa5", "orderId": "af76d6ce", "timestamp": 1590505649245,
              "market": "BTC-EUR", "side": "sell", "amount": "0.25", "price": "183",
              "taker": True, "fee": "0.12", "feeCurrency": "EUR", "settled": True}],
            [
                VenueTrade(
                    market="BTC-EUR", venue_order_id="af76d6ce", venue_trade_id="b0c86aa5",
                    side="sell", price=Decimal(183), quantity=Decimal("0.25"),
                    quote_quantity=Decimal("45.75"), fee=Fee(asset="EUR", amount=Decimal("0.12")),
                    executed_at=datetime(2020, 5, 26, 15, 7, 29, 245000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            {"market": "BTC-EUR", "bid": "183.1", "bidSize": "1", "ask": "183.2", "askSize": "1"},
            VenueTicker(market="BTC-EUR", bid=Decimal("183.1"), ask=Decimal("183.2"), last=None),
        ),
        outcomes=[
            ("order", 200, _ROW, OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, _ROW | _FILL, OrderState.FILLED, CLIENT_ID),
            ("order", 200, _ROW | {"status": "canceledIOC"}, OrderState.CANCELLED, CLIENT_ID),
            ("order", 400, _error(216), OrderState.REJECTED, "216"),
            ("order", 400, _error(101), OrderState.UNKNOWN, "101"),
            ("order", 400, _error(109), OrderState.UNKNOWN, "109"),
            ("order", 503, _error(216), OrderState.UNKNOWN, "216"),
            ("cancel", 200, {"orderId": "af76d6ce", "clientOrderId": _WIRE}, OrderState.UNKNOWN,
             CLIENT_ID),
            ("cancel", 404, _error(240), OrderState.UNKNOWN, "240"),
            ("status", 200, _ROW | {"status": "partiallyFilled"}, OrderState.PARTIALLY_FILLED,
             CLIENT_ID),
            ("status", 200, _ROW | {"status": "dreaming"}, OrderState.UNKNOWN, "http-200"),
        ],
    ),
)  # fmt: skip
