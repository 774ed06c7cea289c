"""Kraken. The market is the example of the document "Get Tradable Asset Pairs", shortened."""

import base64
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
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "ZUSD",
    "lot": "unit",
    "cost_decimals": 5,
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [2, 3, 4, 5],
    "leverage_sell": [2, 3, 4, 5],
    "fees": [[0, 0.26]],
    "fees_maker": [[0, 0.16]],
    "fee_volume_currency": "ZUSD",
    "margin_call": 80,
    "margin_stop": 40,
    "ordermin": "0.0001",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}
_OTHER = _ENTRY | {"altname": "ETHUSD", "wsname": "ETH/USD", "base": "XETH"}
_SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
"""The private key of Kraken's documented example."""
_KEY = "4/SDrDBcOOPnm3nPlNfEMMJDeRcIVqPz+QhRxIodyZbI9po/aVRiHsgX"


def _answer(entry: dict[str, Any]) -> Any:
    key = "XXBTZUSD" if entry["altname"] == "XBTUSD" else "XETHZUSD"
    return {"error": [], "result": {key: entry}}


def _plain() -> Any:
    exchange = plain(ccxt.kraken, _answer(_ENTRY), apiKey=_KEY, secret=_SECRET)
    # Kraken takes both names of a pair; ours is the one its orders are told by.
    exchange.markets["BTC/USD"]["id"] = "XBTUSD"
    exchange.incrementing_nonce = lambda: NOW_MS
    return exchange


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = {"clientOrderId": str(CLIENT_UUID)} | ({"timeInForce": tif} if tif else {})
    price = number(50000.5) if kind == "limit" else None
    return lambda x: x.create_order("BTC/USD", kind, side, number(0.01), price, params)


def _result(result: Any) -> Any:
    return {"error": [], "result": result}


_DESCRIBED = {
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "price": "30010.0",
    "price2": "0",
    "leverage": "none",
    "order": "buy 1.25000000 XBTUSD @ limit 30010.0",
    "close": "",
}
_ROW: dict[str, Any] = {
    "refid": "None",
    "userref": 0,
    "cl_ord_id": str(CLIENT_UUID),
    "status": "open",
    "opentm": 1688666559.8974,
    "descr": _DESCRIBED,
    "vol": "1.25000000",
    "vol_exec": "0.37500000",
    "cost": "11253.7",
    "fee": "0.00000",
    "price": "30010.0",
}


def _closed(**changes: Any) -> Any:
    rows = {"OBCMZD-JIEE7-77TH3F": _ROW | {"status": "closed", "vol_exec": "1.25000000"} | changes}
    return _result({"closed": rows, "count": 1})


_SAMPLES = Samples(
    rights=lambda granted: _result(
        {
            "apiKeyName": "my-api-key",
            "apiKey": _KEY,
            "nonce": "1772627060997",
            "nonceWindow": 0,
            "permissions": granted,
            "iban": "AA88 N84G WOAK NMOI",
            "validUntil": "0",
            "queryFrom": "0",
            "queryTo": "0",
            "createdTime": "1772542900",
            "modifiedTime": "1772543095",
            "ipAllowlist": [],
            "lastUsed": "1772627061",
        }
    ),
    needed=["query-funds", "query-open-trades", "query-closed-trades", "modify-trades"],
    allowed=["close-trades", "query-ledger"],
    refused=["withdraw-funds", "add-funds", "earn-funds", "add-withdraw-address",
             "update-withdraw-address", "teleport", ""],
    balances=(
        _result({"ZUSD": {"balance": "25435.21", "hold_trade": "8249.76"},
                 "XXBT": {"balance": "0.0000000000", "hold_trade": "0.0000000000"}}),
        [VenueBalance(asset="ZUSD", free=Decimal("17185.45"), locked=Decimal("8249.76"))],
    ),
    open_orders=(
        _result({"open": {"OQCLML-BW3P3-BUCMWZ": _ROW}}),
        [
            OpenOrder(
                market="XBTUSD",
                venue_order_id="OQCLML-BW3P3-BUCMWZ",
                client_order_id=CLIENT_ID,
                side="buy",
                type="limit",
                protective=False,
                quantity=Decimal("1.25"),
                filled_quantity=Decimal("0.375"),
                price=Decimal(30010),
                time_in_force="GTC",
                created_at=datetime(2023, 7, 6, 18, 2, 39, 897000, tzinfo=UTC),
            )
        ],
    ),
    trades=(
        _result({"count": 1, "trades": {"THVRQM-33VKH-UCI7BS": {
            "ordertxid": "OQCLML-BW3P3-BUCMWZ", "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": "XXBTZUSD", "time": 1688667796.8802, "type": "buy", "ordertype": "limit",
            "price": "30010.00000", "cost": "600.20000", "fee": "0.00000", "vol": "0.02000000",
            "margin": "0.00000", "misc": "", "trade_id": 40274859, "maker": True}}}),
        [
            VenueTrade(
                market="XBTUSD",
                venue_order_id="OQCLML-BW3P3-BUCMWZ",
                venue_trade_id="THVRQM-33VKH-UCI7BS",
                side="buy",
                price=Decimal(30010),
                quantity=Decimal("0.02"),
                quote_quantity=Decimal("600.2"),
                fee=Fee(asset="quote of XBTUSD", amount=Decimal(0)),
                executed_at=datetime(2023, 7, 6, 18, 23, 16, 880000, tzinfo=UTC),
            )
        ],
    ),
    ticker=(
        _result({"XXBTZUSD": {"a": ["30300.10000", "1", "1.000"], "b": ["30300.00000", "1", "1.0"],
                              "c": ["30303.20000", "0.00067643"]}}),
        VenueTicker(market="XBTUSD", bid=Decimal(30300), ask=Decimal("30300.1"),
                    last=Decimal("30303.2")),
    ),
    outcomes=[
        ("order", 200, _result({"descr": {"order": "…"}, "txid": ["OUF4EM-FRGI2-MQMWZD"]}),
         OrderState.ACCEPTED, None),
        ("order", 200, {"error": ["EOrder:Insufficient funds"]}, OrderState.REJECTED,
         "EOrder:Insufficient funds"),
        ("order", 200, {"error": ["EAPI:Invalid nonce"]}, OrderState.REJECTED,
         "EAPI:Invalid nonce"),
        ("order", 200, {"error": ["EService:Deadline elapsed"]}, OrderState.UNKNOWN,
         "EService:Deadline elapsed"),
        ("order", 200, {"error": ["EService:Unavailable"]}, OrderState.UNKNOWN,
         "EService:Unavailable"),
        ("order", 503, {"error": ["EOrder:Insufficient funds"]}, OrderState.UNKNOWN, "http-503"),
        ("cancel", 200, _result({"count": 1}), OrderState.CANCELLED, None),
        ("cancel", 200, _result({"count": 1, "pending": True}), OrderState.UNKNOWN, "http-200"),
        ("cancel", 200, {"error": ["EOrder:Unknown order"]}, OrderState.UNKNOWN,
         "EOrder:Unknown order"),
        ("status", 200, _closed(), OrderState.FILLED, CLIENT_ID),
        ("status", 200, _closed(vol_exec="1"), OrderState.CANCELLED, CLIENT_ID),
        ("status", 200, _closed(status="expired"), OrderState.CANCELLED, CLIENT_ID),
        ("status", 200, _result({"closed": {}, "count": 0}), OrderState.UNKNOWN, "http-200"),
    ],
)  # fmt: skip

KRAKEN = Case(
    venue_id="kraken",
    origin="https://api.kraken.com",
    api_key_id=_KEY,
    secret=base64.b64decode(_SECRET),
    algorithm="hmac-sha512",
    market="XBTUSD",
    entry=_ENTRY,
    other=_OTHER,
    other_market="ETHUSD",
    coarser=lambda entry: [entry | {"tick_size": "1"}, entry | {"lot_decimals": 1}],
    answer=_answer,
    plain=_plain,
    orders=[
        ({}, _order("limit", "buy", tif="GTC")),
        (
            {"side": "sell", "time_in_force": "IOC"},
            _order("limit", "sell", number=float, tif="IOC"),
        ),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
        ({"type": "market"}, _order("market", "buy", number=float)),
    ],
    cancel=lambda x: x.cancel_order(None, "BTC/USD", {"clientOrderId": str(CLIENT_UUID)}),
    reads=[
        (ReadTarget(kind="permissions"), lambda x: x.privatePostGetApiKeyInfo()),
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance()),
        (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
        (ReadTarget(kind="open_orders", market="XBTUSD"), lambda x: x.fetch_open_orders("BTC/USD")),
        (
            ReadTarget(kind="order", market="XBTUSD", client_order_id=CLIENT_ID),
            lambda x: x.privatePostClosedOrders({"cl_ord_id": str(CLIENT_UUID)}),
        ),
        (ReadTarget(kind="trades", market="XBTUSD"), lambda x: x.fetch_my_trades("BTC/USD")),
        (
            ReadTarget(kind="trades", market="XBTUSD", since_ms=NOW_MS - 9),
            lambda x: x.fetch_my_trades("BTC/USD", NOW_MS - 9),
        ),
    ],
    samples=_SAMPLES,
)
