"""Binance's futures. Markets and answers are the examples of its documents, shortened."""

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
from tests.exchanges.support import API_KEY_ID, SECRET

_COMMON: dict[str, Any] = {
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1569398400000,
    "maintMarginPercent": "2.5000",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "underlyingType": "COIN",
    "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TRAILING_STOP_MARKET"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
}


def _filters(tick: str, step: str) -> list[dict[str, Any]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764",
         "tickSize": tick},
        {"filterType": "LOT_SIZE", "stepSize": step, "maxQty": "1000", "minQty": step},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": step, "maxQty": "120", "minQty": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ]  # fmt: skip


_ENTRIES: dict[str, dict[str, Any]] = {
    "linear": _COMMON
    | {"symbol": "BTCUSDT", "pair": "BTCUSDT", "status": "TRADING", "quoteAsset": "USDT",
       "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3,
       "filters": _filters("0.10", "0.001")},
    "inverse": _COMMON
    | {"symbol": "BTCUSD_PERP", "pair": "BTCUSD", "contractStatus": "TRADING", "contractSize": 100,
       "quoteAsset": "USD", "marginAsset": "BTC", "pricePrecision": 1, "quantityPrecision": 0,
       "filters": _filters("0.1", "1")},
}  # fmt: skip


def _rights(granted: list[str]) -> Any:
    known = ("enableReading", "enableFutures", "enableWithdrawals", "enableMargin")
    told = {"ipRestrict": True, "createTime": 1698645219000} | dict.fromkeys(known, False)
    return told | dict.fromkeys(granted, True)


def _case(product: Product) -> Case:
    linear, entry = product == "linear", _ENTRIES[product]
    market = entry["symbol"]
    other = entry | {
        "symbol": market.replace("BTC", "ETH"),
        "pair": entry["pair"].replace("BTC", "ETH"),
        "baseAsset": "ETH",
        "marginAsset": "USDT" if linear else "ETH",
    }
    symbol = "BTC/USDT:USDT" if linear else "BTC/USD:BTC"
    quantity = "0.01" if linear else "7"

    def make() -> Any:
        exchange = plain(
            ccxt.binanceusdm if linear else ccxt.binancecoinm,
            {"symbols": [entry]},
            apiKey=API_KEY_ID,
            secret=SECRET,
            options={"fetchOpenOrders": {"warnWithoutSymbol": False}},
        )
        exchange.set_markets([exchange.parse_market(entry)])
        return exchange

    def order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
        params = {"newClientOrderId": CLIENT_ID} | ({"timeInForce": tif} if tif else {})
        amount, price = number(quantity), number("50000.5") if kind == "limit" else None
        return lambda x: x.create_order(symbol, kind, side, amount, price, params)

    one = {"origClientOrderId": CLIENT_ID}
    rights = (("/sapi/", "https://api.binance.com"),)
    steps = ("10", "1") if linear else ("10", "10")
    return Case(
        venue_id="binance-usdm" if linear else "binance-coinm",
        origin="https://fapi.binance.com" if linear else "https://dapi.binance.com",
        other_origins=rights,
        api_key_id=API_KEY_ID,
        secret=SECRET.encode(),
        algorithm="hmac-sha256",
        market=market,
        entry=entry,
        other=other,
        other_market=other["symbol"],
        coarser=lambda described: [
            described | {"filters": _filters(steps[0], "0.001" if linear else "1")},
            described | {"filters": _filters("0.1", steps[1])},
        ],
        answer=lambda described: {"timezone": "UTC", "symbols": [described]},
        plain=make,
        quantity=quantity,
        orders=[
            ({}, order("limit", "buy")),
            ({"side": "sell", "time_in_force": "IOC"}, order("limit", "sell", tif="IOC")),
            ({"time_in_force": "FOK"}, order("limit", "buy", number=float, tif="FOK")),
            ({"type": "market", "side": "sell"}, order("market", "sell")),
            ({"type": "market"}, order("market", "buy", number=float)),
        ],
        cancel=lambda x: x.cancel_order(None, symbol, one),
        reads=[
            (ReadTarget(kind="permissions"), lambda x: x.sapi_get_account_apirestrictions()),
            (ReadTarget(kind="balances"), lambda x: x.fetch_balance()),
            (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
            (
                ReadTarget(kind="open_orders", market=market),
                lambda x: x.fetch_open_orders(symbol),
            ),
            (
                ReadTarget(kind="order", market=market, client_order_id=CLIENT_ID),
                lambda x: x.fetch_order(None, symbol, one),
            ),
            (ReadTarget(kind="trades", market=market), lambda x: x.fetch_my_trades(symbol)),
            (
                ReadTarget(kind="trades", market=market, since_ms=NOW_MS - 9, limit=50),
                lambda x: x.fetch_my_trades(symbol, NOW_MS - 9, 50),
            ),
        ],
        samples=_samples(market, linear=linear),
    )


def _samples(market: str, *, linear: bool) -> Samples:
    row: dict[str, Any] = {
        "avgPrice": "0.00", "clientOrderId": CLIENT_ID, "executedQty": "0", "orderId": 1917641,
        "origQty": "7", "price": "9000.5", "side": "BUY", "positionSide": "BOTH",
        "reduceOnly": False, "closePosition": False, "status": "NEW", "symbol": market,
        "time": 1579276756075, "timeInForce": "GTC", "type": "LIMIT",
    }  # fmt: skip
    row |= {"cumQuote": "0"} if linear else {"cumBase": "0"}
    fill = {"status": "FILLED", "executedQty": "7", "avgPrice": "9000"}
    trade: dict[str, Any] = {
        "buyer": False, "commission": "-0.07819010", "commissionAsset": "USDT", "id": 698759,
        "orderId": 25851813, "price": "7000", "qty": "2", "side": "SELL", "symbol": market,
        "time": 1569514978020,
    }  # fmt: skip
    trade |= {"quoteQty": "14000"} if linear else {"baseQty": "0.02857143"}
    ticker: Any = {"symbol": market, "bidPrice": "4.00", "askPrice": "4.10", "time": 1}
    return Samples(
        rights=_rights,
        needed=["enableReading", "enableFutures"],
        allowed=["enableFixReadOnly"],
        refused=["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer",
                 "enableSpotAndMarginTrading", "enableTeleport"],
        balances=(
            {"assets": [
                {"asset": "USDT", "walletBalance": "100.5", "availableBalance": "60.5",
                 "initialMargin": "40"},
                {"asset": "BNB", "walletBalance": "0", "availableBalance": "0",
                 "initialMargin": "0"}]},
            [VenueBalance(asset="USDT", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            [row, row | {"type": "STOP_MARKET", "price": "0"}, row | {"reduceOnly": True}],
            [
                OpenOrder(
                    market=market, venue_order_id="1917641", client_order_id=CLIENT_ID, side="buy",
                    type=kind, protective=protective, quantity=Decimal(7),
                    filled_quantity=Decimal(0), price=price, time_in_force="GTC",
                    created_at=datetime(2020, 1, 17, 15, 59, 16, 75000, tzinfo=UTC),
                )
                for kind, protective, price in (
                    ("limit", False, Decimal("9000.5")),
                    ("stop_market", True, None),
                    ("limit", True, Decimal("9000.5")),
                )
            ],
        ),
        trades=(
            [trade],
            [
                VenueTrade(
                    market=market, venue_order_id="25851813", venue_trade_id="698759", side="sell",
                    price=Decimal(7000), quantity=Decimal(2),
                    quote_quantity=Decimal(14000 if linear else "200.00001"),
                    fee=Fee(asset="USDT", amount=Decimal("-0.0781901")),
                    executed_at=datetime(2019, 9, 26, 16, 22, 58, 20000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            ticker if linear else [ticker],
            VenueTicker(market=market, bid=Decimal(4), ask=Decimal("4.1"), last=None),
        ),
        outcomes=[
            ("order", 200, row, OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, row | fill, OrderState.FILLED, CLIENT_ID),
            ("order", 200, row | {"status": "EXPIRED"}, OrderState.CANCELLED, CLIENT_ID),
            ("order", 400, {"code": -2019, "msg": "Margin is insufficient."}, OrderState.REJECTED,
             "-2019"),
            ("order", 400, {"code": -4116, "msg": "ClientOrderId is duplicated."},
             OrderState.UNKNOWN, "-4116"),
            ("order", 400, {"code": -1007, "msg": "Timeout"}, OrderState.UNKNOWN, "-1007"),
            ("order", 503, {"code": -2019, "msg": "no"}, OrderState.UNKNOWN, "-2019"),
            ("cancel", 200, row | {"status": "CANCELED"}, OrderState.CANCELLED, CLIENT_ID),
            ("cancel", 400, {"code": -2011, "msg": "Unknown order sent."}, OrderState.UNKNOWN,
             "-2011"),
            ("status", 200, row | {"status": "PARTIALLY_FILLED"}, OrderState.PARTIALLY_FILLED,
             CLIENT_ID),
            ("status", 200, row | {"status": "DREAMING"}, OrderState.UNKNOWN, "http-200"),
        ],
    )  # fmt: skip


FUTURES = (_case("linear"), _case("inverse"))
