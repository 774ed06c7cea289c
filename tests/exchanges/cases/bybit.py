"""Bybit's three products. Markets and answers are the examples of its documents, shortened."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt

from app.exchanges.models import (
    Fee,
    OpenOrder,
    OrderState,
    Product,
    ReadTarget,
    VenueBalance,
    VenueTicker,
    VenueTrade,
)
from tests.exchanges.cases.case import CLIENT_ID, NOW_MS, Case, Samples, plain

_KEY, _SECRET = "aBcDeFgHiJkLmNoPqR", "sEcReTsEcReTsEcReTsEcReTsEcReTsEcReT"
_CONTRACT = {
    "symbolId": 5,
    "status": "Trading",
    "launchTime": "1585526400000",
    "deliveryTime": "0",
    "deliveryFeeRate": "",
    "priceScale": "2",
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "unifiedMarginTrade": True,
    "fundingInterval": 480,
    "copyTrading": "both",
}
_ENTRIES: dict[str, dict[str, Any]] = {
    "spot": {
        "symbol": "BTCUSDT",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "lotSizeFilter": {
            "basePrecision": "0.000001",
            "quotePrecision": "0.0000001",
            "minOrderQty": "0.000011",
            "maxLimitOrderQty": "83",
            "minOrderAmt": "5",
        },
        "priceFilter": {"tickSize": "0.1"},
    },
    "linear": _CONTRACT
    | {
        "symbol": "BTCUSDT",
        "contractType": "LinearPerpetual",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": "0.001",
            "qtyStep": "0.001",
            "minNotionalValue": "5",
        },
    },
    "inverse": _CONTRACT
    | {
        "symbol": "BTCUSD",
        "contractType": "InversePerpetual",
        "baseCoin": "BTC",
        "quoteCoin": "USD",
        "settleCoin": "BTC",
        "lotSizeFilter": {"maxOrderQty": "25000000", "minOrderQty": "1", "qtyStep": "1"},
    },
}


def _result(result: Any) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1}


def _error(code: int) -> Any:
    return {"retCode": code, "retMsg": "no", "result": {}, "retExtInfo": {}, "time": 1}


def _coarser(product: str) -> Any:
    step = "basePrecision" if product == "spot" else "qtyStep"
    big = "1" if product != "inverse" else "10"
    return lambda entry: [
        entry | {"priceFilter": {"tickSize": "1"}},
        entry | {"lotSizeFilter": entry["lotSizeFilter"] | {step: big}},
    ]


def _case(product: Product) -> Case:
    entry = _ENTRIES[product]
    market, base = entry["symbol"], "ETH"
    other = entry | {"symbol": market.replace("BTC", base), "baseCoin": base}
    if product == "inverse":
        other |= {"settleCoin": base}
    symbol = {"spot": "BTC/USDT", "linear": "BTC/USDT:USDT", "inverse": "BTC/USD:BTC"}[product]
    quantity = {"spot": "0.01", "linear": "0.01", "inverse": "7"}[product]

    def answer(described: dict[str, Any]) -> Any:
        return _result({"category": product, "list": [described], "nextPageCursor": ""})

    def make() -> Any:
        options = {
            "recvWindow": 10_000,
            "enableUnifiedAccount": True,
            "enableUnifiedMargin": False,
            "fetchMarkets": {"types": [product]},
        }
        return plain(ccxt.bybit, answer(entry), apiKey=_KEY, secret=_SECRET, options=options)

    def order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
        params = {"orderLinkId": CLIENT_ID} | ({"timeInForce": tif} if tif else {})
        amount, price = number(quantity), number("50000.5") if kind == "limit" else None
        return lambda x: x.create_order(symbol, kind, side, amount, price, params)

    everywhere: dict[str, Any] = {"category": product, "limit": 50}
    if product == "linear":
        everywhere["settleCoin"] = "USDT"
    rights = {"spot": ["Spot:SpotTrade"]}.get(
        product, ["ContractTrade:Order", "ContractTrade:Position"]
    )
    return Case(
        venue_id=f"bybit-{product}",
        origin="https://api.bybit.com",
        api_key_id=_KEY,
        secret=_SECRET.encode(),
        algorithm="hmac-sha256",
        market=market,
        entry=entry,
        other=other,
        other_market=other["symbol"],
        coarser=_coarser(product),
        answer=answer,
        plain=make,
        broker_headers=("Referer",),
        quantity=quantity,
        orders=[
            ({}, order("limit", "buy", tif="GTC")),
            ({"side": "sell", "time_in_force": "IOC"}, order("limit", "sell", tif="IOC")),
            ({"time_in_force": "FOK"}, order("limit", "buy", number=float, tif="FOK")),
            ({"type": "market", "side": "sell"}, order("market", "sell")),
            ({"type": "market"}, order("market", "buy", number=float)),
        ],
        cancel=lambda x: x.cancel_order(None, symbol, {"orderLinkId": CLIENT_ID}),
        reads=[
            (ReadTarget(kind="permissions"), lambda x: x.privateGetV5UserQueryApi()),
            (ReadTarget(kind="balances"), lambda x: x.fetch_balance({"type": "unified"})),
            (
                ReadTarget(kind="open_orders"),
                lambda x: x.privateGetV5OrderRealtime(everywhere),
            ),
            (
                ReadTarget(kind="open_orders", market=market),
                lambda x: x.fetch_open_orders(symbol, None, 50),
            ),
            (
                ReadTarget(kind="order", market=market, client_order_id=CLIENT_ID),
                lambda x: x.privateGetV5OrderRealtime(
                    {"category": product, "symbol": market, "orderLinkId": CLIENT_ID}
                ),
            ),
            (ReadTarget(kind="trades", market=market), lambda x: x.fetch_my_trades(symbol)),
            (
                ReadTarget(kind="trades", market=market, since_ms=NOW_MS - 9, limit=50),
                lambda x: x.fetch_my_trades(symbol, NOW_MS - 9, 50),
            ),
        ],
        samples=_samples(product, market, rights),
    )


def _rights_answer(granted: list[str]) -> Any:
    kinds: dict[str, list[str]] = {"ContractTrade": [], "Spot": [], "Wallet": [], "Options": []}
    for name in granted:
        kind, _, right = name.partition(":")
        kinds.setdefault(kind, []).append(right)
    return _result(
        {
            "id": "2208369",
            "apiKey": _KEY,
            "readOnly": 0,
            "secret": "",
            "permissions": kinds,
            "ips": ["18.181.170.164"],
            "type": 1,
            "expiredAt": "1970-01-01T00:00:00Z",
            "createdAt": "2025-10-13T03:20:45Z",
            "uta": 1,
        }
    )


def _samples(product: Product, market: str, rights: list[str]) -> Samples:
    row: dict[str, Any] = {
        "orderId": "fd4300ae-7847-404e-b947-b46980a4d140",
        "orderLinkId": CLIENT_ID,
        "symbol": market,
        "price": "1600.00",
        "qty": "10",
        "side": "Buy",
        "orderStatus": "New",
        "avgPrice": "0",
        "cumExecQty": "0",
        "cumExecValue": "0",
        "timeInForce": "GTC",
        "orderType": "Limit",
        "stopOrderType": "UNKNOWN",
        "reduceOnly": False,
        "createdTime": "1684738540559",
    }

    def status(**changes: Any) -> Any:
        return _result({"list": [row | changes], "category": product})

    fill = {"cumExecQty": "10", "cumExecValue": "16000", "avgPrice": "1600"}
    ids = {"orderId": "c6f055d9-7f21-4079-913d-e6523a9cfffa", "orderLinkId": CLIENT_ID}
    fee = {"spot": "MNT", "linear": "USDT", "inverse": "BTC"}[product]
    return Samples(
        rights=_rights_answer,
        needed=rights,
        allowed=["Derivatives:DerivativesTrade"],
        refused=["Wallet:Withdraw", "Wallet:AccountTransfer", "Wallet:SubMemberTransfer",
                 "Options:OptionsTrade", "Earn:Earn", "Teleport:Beam",
                 "ContractTrade:Order" if product == "spot" else "Spot:SpotTrade"],
        balances=(
            _result({"list": [{"accountType": "UNIFIED", "coin": [
                {"coin": "USDT", "walletBalance": "100.5", "locked": "40", "equity": "100.5"},
                {"coin": "BTC", "walletBalance": "0", "locked": "0", "equity": "0"}]}]}),
            [VenueBalance(asset="USDT", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            _result({"list": [row, row | {"orderLinkId": "", "stopOrderType": "StopLoss"}]}),
            [
                OpenOrder(
                    market=market, venue_order_id=row["orderId"], client_order_id=client_id,
                    side="buy", type=kind, protective=kind != "limit", quantity=Decimal(10),
                    filled_quantity=Decimal(0), price=Decimal(1600), time_in_force="GTC",
                    created_at=datetime(2023, 5, 22, 6, 55, 40, 559000, tzinfo=UTC),
                )
                for client_id, kind in ((CLIENT_ID, "limit"), ("", "stoploss_limit"))
            ],
        ),
        trades=(
            _result({"list": [{
                "symbol": market, "side": "Sell", "orderId": "8c065341", "execId": "e0cbe81d",
                "execTime": "1672282722429", "execFee": "-0.071409", "execPrice": "1190.15",
                "feeCurrency": "MNT" if product == "spot" else "", "execValue": "119.015",
                "execQty": "0.1", "execType": "Trade"}]}),
            [
                VenueTrade(
                    market=market, venue_order_id="8c065341", venue_trade_id="e0cbe81d",
                    side="sell", price=Decimal("1190.15"), quantity=Decimal("0.1"),
                    quote_quantity=Decimal("0.1" if product == "inverse" else "119.015"),
                    fee=Fee(asset=fee, amount=Decimal("-0.071409")),
                    executed_at=datetime(2022, 12, 29, 2, 58, 42, 429000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            _result({"list": [{"symbol": market, "lastPrice": "120635.50",
                               "bid1Price": "103401.00", "ask1Price": "109152.80"}]}),
            VenueTicker(market=market, bid=Decimal(103401), ask=Decimal("109152.8"),
                        last=Decimal("120635.5")),
        ),
        outcomes=[
            ("order", 200, _result(ids), OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, _error(110007), OrderState.REJECTED, "110007"),
            ("order", 200, _error(170131), OrderState.REJECTED, "170131"),
            ("order", 200, _error(10000), OrderState.UNKNOWN, "10000"),
            ("order", 200, _error(110072), OrderState.UNKNOWN, "110072"),
            ("order", 200, _error(170007), OrderState.UNKNOWN, "170007"),
            ("order", 403, _error(10006), OrderState.UNKNOWN, "http-403"),
            ("cancel", 200, _result(ids), OrderState.UNKNOWN, CLIENT_ID),
            ("cancel", 200, _error(110001), OrderState.UNKNOWN, "110001"),
            ("status", 200, status(), OrderState.ACCEPTED, CLIENT_ID),
            ("status", 200, status(orderStatus="Filled", **fill), OrderState.FILLED, CLIENT_ID),
            ("status", 200, status(orderStatus="PartiallyFilledCanceled"), OrderState.CANCELLED,
             CLIENT_ID),
            ("status", 200, status(orderStatus="Rejected"), OrderState.REJECTED, CLIENT_ID),
            ("status", 200, status(orderStatus="Dreaming"), OrderState.UNKNOWN, "http-200"),
            ("status", 200, _result({"list": []}), OrderState.UNKNOWN, "http-200"),
        ],
    )  # fmt: skip


BYBIT = tuple(_case(product) for product in ("spot", "linear", "inverse"))
