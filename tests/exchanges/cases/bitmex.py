"""BitMEX, which ccxt no longer knows: nobody to compare with but its documented signatures."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from app.exchanges.models import (
    Fee,
    OpenOrder,
    OrderState,
    ReadTarget,
    VenueBalance,
    VenueTicker,
    VenueTrade,
)
from tests.exchanges.cases.case import CLIENT_ID, NOW_MS, Case, Samples

_ENTRY: dict[str, Any] = {
    "symbol": "XBTUSD",
    "rootSymbol": "XBT",
    "state": "Open",
    "typ": "FFWCSX",
    "positionCurrency": "USD",
    "underlying": "XBT",
    "quoteCurrency": "USD",
    "settlCurrency": "XBt",
    "maxOrderQty": 10000000,
    "maxPrice": 1000000,
    "lotSize": 100,
    "tickSize": 0.5,
    "multiplier": -100000000,
    "isQuanto": False,
    "isInverse": True,
}
_ORDER_ID = "14a6c3d1-2f0b-4c3d-9e5f-0a1b2c3d4e5f"
_ROW: dict[str, Any] = {
    "orderID": _ORDER_ID,
    "clOrdID": CLIENT_ID,
    "symbol": "XBTUSD",
    "side": "Buy",
    "orderQty": 700,
    "price": 50000.5,
    "ordType": "Limit",
    "timeInForce": "GoodTillCancel",
    "execInst": "",
    "ordStatus": "New",
    "cumQty": 0,
    "avgPx": None,
    "timestamp": "2023-01-16T23:37:23.947Z",
}


def _never(_: Any) -> NoReturn:
    raise AssertionError("ccxt does not know this venue")


def _error(name: str, message: str = "no") -> Any:
    return {"error": {"name": name, "message": message}}


def _key(granted: list[str]) -> Any:
    return {"id": "LAqUlngMIQkIUjXMUreyu3qn", "name": "bot", "nonce": 0, "cidr": "1.2.3.4/32",
            "permissions": granted, "enabled": True, "userId": 1,
            "created": "2023-01-16T23:37:23.947Z"}  # fmt: skip


BITMEX = Case(
    venue_id="bitmex",
    origin="https://www.bitmex.com",
    api_key_id="LAqUlngMIQkIUjXMUreyu3qn",
    secret=b"chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO",
    algorithm="hmac-sha256",
    market="XBTUSD",
    entry=_ENTRY,
    other=_ENTRY | {"symbol": "ETHUSD", "underlying": "ETH"},
    other_market="ETHUSD",
    coarser=lambda entry: [entry | {"tickSize": 1}, entry | {"lotSize": 1000}],
    answer=lambda entry: [entry],
    plain=None,
    quantity="700",
    orders=[
        ({}, _never),
        ({"side": "sell", "time_in_force": "IOC"}, _never),
        ({"time_in_force": "FOK"}, _never),
        ({"type": "market", "side": "sell"}, _never),
        ({"type": "market"}, _never),
    ],
    cancel=_never,
    reads=[
        (ReadTarget(kind="permissions"), _never),
        (ReadTarget(kind="balances"), _never),
        (ReadTarget(kind="open_orders"), _never),
        (ReadTarget(kind="open_orders", market="XBTUSD"), _never),
        (ReadTarget(kind="order", market="XBTUSD", client_order_id=CLIENT_ID), _never),
        (ReadTarget(kind="trades", market="XBTUSD"), _never),
        (ReadTarget(kind="trades", market="XBTUSD", since_ms=NOW_MS - 9, limit=50), _never),
    ],
    samples=Samples(
        rights=lambda granted: [_key(granted)],
        needed=["order"],
        allowed=["orderCancel"],
        refused=["withdraw", "transfer", "teleport", ""],
        balances=(
            {"currency": "XBt", "walletBalance": 10050000000, "availableMargin": 6050000000,
             "initMargin": 4000000000},
            [VenueBalance(asset="XBT", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            [_ROW, _ROW | {"ordType": "Stop", "price": None}, _ROW | {"execInst": "ReduceOnly"}],
            [
                OpenOrder(
                    market="XBTUSD", venue_order_id=_ORDER_ID, client_order_id=CLIENT_ID,
                    side="buy", type=kind, protective=protective, quantity=Decimal(700),
                    filled_quantity=Decimal(0), price=price, time_in_force="GoodTillCancel",
                    created_at=datetime(2023, 1, 16, 23, 37, 23, 947000, tzinfo=UTC),
                )
                for kind, protective, price in (
                    ("limit", False, Decimal("50000.5")),
                    ("stop", True, None),
                    ("limit", True, Decimal("50000.5")),
                )
            ],
        ),
        trades=(
            [{"execID": "b5a2f2d0", "orderID": _ORDER_ID, "clOrdID": CLIENT_ID,
              "symbol": "XBTUSD", "side": "Sell", "lastQty": 100, "lastPx": 20000.5,
              "execType": "Trade", "execComm": -125, "settlCurrency": "XBt",
              "transactTime": "2023-01-16T23:37:23.947Z"}],
            [
                VenueTrade(
                    market="XBTUSD", venue_order_id=_ORDER_ID, venue_trade_id="b5a2f2d0",
                    side="sell", price=Decimal("20000.5"), quantity=Decimal(100),
                    quote_quantity=Decimal(100),
                    fee=Fee(asset="XBT", amount=Decimal("-0.00000125")),
                    executed_at=datetime(2023, 1, 16, 23, 37, 23, 947000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            [{"symbol": "XBTUSD", "bidPrice": 20000, "askPrice": 20000.5, "lastPrice": 20000.5}],
            VenueTicker(market="XBTUSD", bid=Decimal(20000), ask=Decimal("20000.5"),
                        last=Decimal("20000.5")),
        ),
        outcomes=[
            ("order", 200, _ROW, OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, _ROW | {"ordStatus": "Filled", "cumQty": 700, "avgPx": 50000},
             OrderState.FILLED, CLIENT_ID),
            ("order", 400, _error("ValidationError"), OrderState.REJECTED, "400:ValidationError"),
            ("order", 400, _error("HTTPError", "Duplicate clOrdID"), OrderState.UNKNOWN,
             "400:HTTPError"),
            ("order", 503, _error("HTTPError", "overloaded"), OrderState.UNKNOWN,
             "503:HTTPError"),
            ("cancel", 200, [_ROW | {"ordStatus": "Canceled"}], OrderState.CANCELLED, CLIENT_ID),
            ("cancel", 200, [_ROW | {"error": "Unable to cancel"}], OrderState.UNKNOWN, "error"),
            ("cancel", 404, _error("HTTPError"), OrderState.UNKNOWN, "404:HTTPError"),
            ("status", 200, [_ROW | {"ordStatus": "PartiallyFilled"}],
             OrderState.PARTIALLY_FILLED, CLIENT_ID),
            ("status", 200, [_ROW | {"ordStatus": "Dreaming"}], OrderState.UNKNOWN, "http-200"),
            ("status", 200, [], OrderState.UNKNOWN, "http-200"),
        ],
    ),
)  # fmt: skip
