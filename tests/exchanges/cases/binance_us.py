"""Binance.US: Binance's spot dialect at another host, with no call that tells a key's rights."""

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
from tests.exchanges.cases.case import CLIENT_ID, NOW_MS, Case, Samples, plain
from tests.exchanges.support import API_KEY_ID, SECRET, entry

_ENTRY = entry()
_ONE = {"origClientOrderId": CLIENT_ID}
_ROW: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "clientOrderId": CLIENT_ID,
    "price": "0.1",
    "origQty": "1.0",
    "executedQty": "0.5",
    "cummulativeQuoteQty": "0.05",
    "status": "PARTIALLY_FILLED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "SELL",
    "time": 1499827319559,
}


def _coarser(described: dict[str, Any]) -> list[dict[str, Any]]:
    price, lot, *rest = described["filters"]
    return [
        described | {"filters": [price | {"tickSize": "1.00000000"}, lot, *rest]},
        described | {"filters": [price, lot | {"stepSize": "1.00000000"}, *rest]},
    ]


def _plain() -> Any:
    exchange = plain(
        ccxt.binanceus,
        {"symbols": [_ENTRY]},
        apiKey=API_KEY_ID,
        secret=SECRET,
        options={
            "fetchOpenOrders": {"warnWithoutSymbol": False},
            "crossMarginPairsData": [],
            "isolatedMarginPairsData": [],
            "fetchMargins": False,
        },
    )
    exchange.set_markets([exchange.parse_market(_ENTRY)])
    return exchange


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = {"newClientOrderId": CLIENT_ID} | ({"timeInForce": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/USDT", kind, side, amount, price, params)


BINANCE_US = Case(
    venue_id="binance-us",
    origin="https://api.binance.us",
    api_key_id=API_KEY_ID,
    secret=SECRET.encode(),
    algorithm="hmac-sha256",
    market="BTCUSDT",
    entry=_ENTRY,
    other=entry("ETHUSDT", "ETH"),
    other_market="ETHUSDT",
    coarser=_coarser,
    answer=lambda described: {"symbols": [described]},
    plain=_plain,
    orders=[
        ({}, _order("limit", "buy")),
        ({"side": "sell", "time_in_force": "IOC"}, _order("limit", "sell", tif="IOC")),
        ({"type": "market"}, _order("market", "buy", number=float)),
    ],
    cancel=lambda x: x.cancel_order(None, "BTC/USDT", _ONE),
    reads=[
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance()),
        (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
        (
            ReadTarget(kind="order", market="BTCUSDT", client_order_id=CLIENT_ID),
            lambda x: x.fetch_order(None, "BTC/USDT", _ONE),
        ),
        (
            ReadTarget(kind="trades", market="BTCUSDT", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/USDT", NOW_MS - 9, 50),
        ),
    ],
    samples=Samples(
        rights=None,
        needed=[],
        allowed=[],
        refused=[],
        balances=(
            {"balances": [{"asset": "USD", "free": "60.5", "locked": "40"}]},
            [VenueBalance(asset="USD", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            [_ROW],
            [
                OpenOrder(
                    market="BTCUSDT", venue_order_id="28", client_order_id=CLIENT_ID, side="sell",
                    type="limit", protective=False, quantity=Decimal(1),
                    filled_quantity=Decimal("0.5"), price=Decimal("0.1"), time_in_force="GTC",
                    created_at=datetime(2017, 7, 12, 2, 41, 59, 559000, tzinfo=UTC),
                )
            ],
        ),
        trades=(
            [{"symbol": "BTCUSDT", "id": 28457, "orderId": 100234, "price": "4.000001",
              "qty": "12", "quoteQty": "48.000012", "commission": "10.1",
              "commissionAsset": "BNB", "time": 1499865549590, "isBuyer": True}],
            [
                VenueTrade(
                    market="BTCUSDT", venue_order_id="100234", venue_trade_id="28457", side="buy",
                    price=Decimal("4.000001"), quantity=Decimal(12),
                    quote_quantity=Decimal("48.000012"),
                    fee=Fee(asset="BNB", amount=Decimal("10.1")),
                    executed_at=datetime(2017, 7, 12, 13, 19, 9, 590000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            {"symbol": "BTCUSDT", "bidPrice": "4.00", "askPrice": "4.10"},
            VenueTicker(market="BTCUSDT", bid=Decimal(4), ask=Decimal("4.1"), last=None),
        ),
        outcomes=[
            ("order", 200, _ROW, OrderState.PARTIALLY_FILLED, CLIENT_ID),
            ("order", 400, {"code": -2010, "msg": "no funds"}, OrderState.REJECTED, "-2010"),
            ("cancel", 400, {"code": -2011, "msg": "no"}, OrderState.UNKNOWN, "-2011"),
        ],
    ),
)  # fmt: skip
