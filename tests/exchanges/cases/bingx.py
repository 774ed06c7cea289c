"""BingX, spot. Market and answers are shaped as its documents and ccxt's comments show."""

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
    "symbol": "BTC-USDT",
    "minQty": 735,
    "maxQty": 2941177,
    "minNotional": 5,
    "maxNotional": 20000,
    "status": 1,
    "tickSize": 0.01,
    "stepSize": 0.000001,
    "apiStateSell": True,
    "apiStateBuy": True,
    "timeOnline": 0,
    "offTime": 0,
}
_KEY, _SECRET = "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345", "sEcReT0123456789sEcReT0123456789"
_WIRE = CLIENT_UUID.hex
_ROW: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "orderId": 1674069326895775744,
    "price": "30000",
    "origQty": "0.01",
    "executedQty": "0",
    "cummulativeQuoteQty": "0",
    "status": "NEW",
    "type": "LIMIT",
    "side": "BUY",
    "clientOrderID": _WIRE,
    "time": 1687964205000,
}


def _data(data: Any) -> Any:
    return {"code": 0, "msg": "", "debugMsg": "", "data": data}


def _error(code: int) -> Any:
    return {"code": code, "msg": "no", "debugMsg": ""}


def _rights(granted: list[str]) -> Any:
    known = ("enableReading", "enableSpotAndMarginTrading", "enableWithdrawals", "enableFutures",
             "enableInternalTransfer", "permitsUniversalTransfer")  # fmt: skip
    told = {"ipRestrict": True, "createTime": 1698645219000} | dict.fromkeys(known, False)
    return _data(told | dict.fromkeys(granted, True))


def _plain() -> Any:
    exchange = plain(ccxt.bingx, _data({"symbols": []}), apiKey=_KEY, secret=_SECRET)
    exchange.set_markets([exchange.parse_market(_ENTRY)])
    return exchange


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = {"newClientOrderId": _WIRE} | ({"timeInForce": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/USDT", kind, side, amount, price, params)


_ONE = {"symbol": "BTC-USDT", "clientOrderID": _WIRE}
_SPOT = {"type": "spot"}

BINGX = Case(
    venue_id="bingx",
    origin="https://open-api.bingx.com",
    api_key_id=_KEY,
    secret=_SECRET.encode(),
    algorithm="hmac-sha256",
    market="BTC-USDT",
    entry=_ENTRY,
    other=_ENTRY | {"symbol": "ETH-USDT"},
    other_market="ETH-USDT",
    coarser=lambda entry: [entry | {"tickSize": 1}, entry | {"stepSize": 1}],
    answer=lambda entry: _data({"symbols": [entry]}),
    plain=_plain,
    broker_headers=("X-SOURCE-KEY",),
    orders=[
        ({}, _order("limit", "buy", tif="GTC")),
        ({"side": "sell", "time_in_force": "IOC"}, _order("limit", "sell", tif="IOC")),
        ({"time_in_force": "FOK"}, _order("limit", "buy", number=float, tif="FOK")),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
        ({"type": "market"}, _order("market", "buy", number=float)),
    ],
    cancel=lambda x: x.cancel_order(None, "BTC/USDT", {"clientOrderID": _WIRE}),
    reads=[
        (ReadTarget(kind="permissions"), lambda x: x.accountV1PrivateGetAccountApiPermissions()),
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance(_SPOT)),
        (
            ReadTarget(kind="open_orders"),
            lambda x: x.fetch_open_orders(None, None, None, _SPOT),
        ),
        (
            ReadTarget(kind="open_orders", market="BTC-USDT"),
            lambda x: x.fetch_open_orders("BTC/USDT"),
        ),
        (
            ReadTarget(kind="order", market="BTC-USDT", client_order_id=CLIENT_ID),
            lambda x: x.spotV1PrivateGetTradeQuery(dict(_ONE)),
        ),
        (ReadTarget(kind="trades", market="BTC-USDT"), lambda x: x.fetch_my_trades("BTC/USDT")),
        (
            ReadTarget(kind="trades", market="BTC-USDT", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/USDT", NOW_MS - 9, 50),
        ),
    ],
    samples=Samples(
        rights=_rights,
        needed=["enableReading", "enableSpotAndMarginTrading"],
        allowed=[],
        refused=["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer",
                 "enableFutures", "enableTeleport"],
        balances=(
            _data({"balances": [{"asset": "USDT", "free": "60.5", "locked": 40},
                                {"asset": "BTC", "free": 0, "locked": "0"}]}),
            [VenueBalance(asset="USDT", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            _data({"orders": [_ROW]}),
            [
                OpenOrder(
                    market="BTC-USDT", venue_order_id="1674069326895775744",
                    client_order_id=CLIENT_ID, side="buy", type="limit", protective=False,
                    quantity=Decimal("0.01"), filled_quantity=Decimal(0), price=Decimal(30000),
                    time_in_force="GTC", created_at=datetime(2023, 6, 28, 14, 56, 45, tzinfo=UTC),
                )
            ],
        ),
        trades=(
            _data({"fills": [{"symbol": "BTC-USDT", "id": 36237072,
                              "orderId": 1674069326895775744, "price": "85.891", "qty": "0.0582",
                              "quoteQty": "4.9988562", "commission": -0.0000582,
                              "commissionAsset": "BTC", "time": 1687964205000, "isBuyer": True}]}),
            [
                VenueTrade(
                    market="BTC-USDT", venue_order_id="1674069326895775744",
                    venue_trade_id="36237072", side="buy", price=Decimal("85.891"),
                    quantity=Decimal("0.0582"), quote_quantity=Decimal("4.9988562"),
                    fee=Fee(asset="BTC", amount=Decimal("0.0000582")),
                    executed_at=datetime(2023, 6, 28, 14, 56, 45, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            _data([{"symbol": "BTC-USDT", "lastPrice": 0.05, "bidPrice": 0.04, "askPrice": 0.06}]),
            VenueTicker(market="BTC-USDT", bid=Decimal("0.04"), ask=Decimal("0.06"),
                        last=Decimal("0.05")),
        ),
        outcomes=[
            ("order", 200, _data(_ROW), OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, _data(_ROW | {"status": "FILLED", "executedQty": "0.01",
                                         "cummulativeQuoteQty": "300"}),
             OrderState.FILLED, CLIENT_ID),
            ("order", 200, _error(100202), OrderState.REJECTED, "100202"),
            ("order", 200, _error(101481), OrderState.UNKNOWN, "101481"),
            ("order", 200, _error(100500), OrderState.UNKNOWN, "100500"),
            ("order", 503, _error(100202), OrderState.UNKNOWN, "http-503"),
            ("cancel", 200, _data(_ROW | {"status": "CANCELED"}), OrderState.CANCELLED,
             CLIENT_ID),
            ("cancel", 200, _error(100404), OrderState.UNKNOWN, "100404"),
            ("status", 200, _data(_ROW | {"status": "PARTIALLY_FILLED"}),
             OrderState.PARTIALLY_FILLED, CLIENT_ID),
            ("status", 200, _data(_ROW | {"status": "DREAMING"}), OrderState.UNKNOWN,
             "http-200"),
        ],
    ),
)  # fmt: skip
