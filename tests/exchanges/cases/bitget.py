"""Bitget, spot. Market and answers are shaped as its documents and ccxt's comments show."""

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

_ENTRY: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "minTradeAmount": "0",
    "maxTradeAmount": "10000000000",
    "takerFeeRate": "0.001",
    "makerFeeRate": "0.001",
    "pricePrecision": "2",
    "quantityPrecision": "6",
    "quotePrecision": "8",
    "minTradeUSDT": "5",
    "status": "online",
    "buyLimitPriceRatio": "0.05",
    "sellLimitPriceRatio": "0.05",
}
_KEY, _SECRET = "bg_0123456789abcdef0123456789abcdef", "0123456789abcdef" * 4
_PASSPHRASE = "APassphraseOfItsOwn"
_ROW: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": "1111499608327360513",
    "clientOid": CLIENT_ID,
    "size": "0.0002000000000000",
    "orderType": "limit",
    "side": "buy",
    "status": "live",
    "priceAvg": "25000.0000000000000000",
    "baseVolume": "0.0000000000000000",
    "quoteVolume": "0.0000000000000000",
    "tpslType": "normal",
    "cTime": "1700728077966",
}
_TAKEN = {"orderId": "881669078313766912", "clientOid": CLIENT_ID}


def _data(data: Any) -> Any:
    return {"code": "00000", "msg": "success", "requestTime": 1, "data": data}


def _error(code: str) -> Any:
    return {"code": code, "msg": "no", "requestTime": 1, "data": None}


def _plain() -> Any:
    return plain(
        ccxt.bitget,
        _data([_ENTRY]),
        apiKey=_KEY,
        secret=_SECRET,
        password=_PASSPHRASE,
        options={"uta": False, "fetchMarkets": {"types": ["spot"]}},
    )


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = {"clientOid": CLIENT_ID} | ({"force": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/USDT", kind, side, amount, price, params)


BITGET = Case(
    venue_id="bitget",
    origin="https://api.bitget.com",
    api_key_id=_KEY,
    secret=_SECRET.encode(),
    algorithm="hmac-sha256",
    clear=_PASSPHRASE,
    market="BTCUSDT",
    entry=_ENTRY,
    other=_ENTRY | {"symbol": "ETHUSDT", "baseCoin": "ETH"},
    other_market="ETHUSDT",
    coarser=lambda entry: [entry | {"pricePrecision": "0"}, entry | {"quantityPrecision": "1"}],
    answer=lambda entry: _data([entry]),
    plain=_plain,
    broker_headers=("X-CHANNEL-API-CODE",),
    orders=[
        ({}, _order("limit", "buy", tif="gtc")),
        ({"side": "sell", "time_in_force": "IOC"}, _order("limit", "sell", tif="ioc")),
        ({"time_in_force": "FOK"}, _order("limit", "buy", number=float, tif="fok")),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
    ],
    cancel=lambda x: x.cancel_order("", "BTC/USDT", {"clientOid": CLIENT_ID}),
    reads=[
        (ReadTarget(kind="permissions"), lambda x: x.privateSpotGetV2SpotAccountInfo()),
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance({"type": "spot"})),
        (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
        (
            ReadTarget(kind="open_orders", market="BTCUSDT"),
            lambda x: x.fetch_open_orders("BTC/USDT"),
        ),
        (
            ReadTarget(kind="order", market="BTCUSDT", client_order_id=CLIENT_ID),
            lambda x: x.fetch_order("", "BTC/USDT", {"clientOid": CLIENT_ID}),
        ),
        (ReadTarget(kind="trades", market="BTCUSDT"), lambda x: x.fetch_my_trades("BTC/USDT")),
        (
            ReadTarget(kind="trades", market="BTCUSDT", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/USDT", NOW_MS - 9, 50),
        ),
    ],
    samples=Samples(
        rights=lambda granted: _data({"userId": "1", "ips": "1.2.3.4", "authorities": granted}),
        needed=["stow"],
        allowed=["stor", "taxr"],
        refused=["wwow", "wtow", "wtor", "chow", "coow", "smow", "teleport", ""],
        balances=(
            _data([
                {"coin": "USDT", "available": "60.5", "frozen": "30", "locked": "10"},
                {"coin": "BTC", "available": "0", "frozen": "0", "locked": "0"}]),
            [VenueBalance(asset="USDT", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            _data([_ROW]),
            [
                OpenOrder(
                    market="BTCUSDT", venue_order_id="1111499608327360513",
                    client_order_id=CLIENT_ID, side="buy", type="limit", protective=False,
                    quantity=Decimal("0.0002"), filled_quantity=Decimal(0), price=Decimal(25000),
                    time_in_force="GTC",
                    created_at=datetime(2023, 11, 23, 8, 27, 57, 966000, tzinfo=UTC),
                )
            ],
        ),
        trades=(
            _data([{"symbol": "BTCUSDT", "orderId": "1098394344925597696", "side": "sell",
                    "tradeId": "1098394344974925824", "priceAvg": "28467.68", "size": "0.0002",
                    "amount": "5.693536", "cTime": "1697603539699",
                    "feeDetail": {"feeCoin": "USDT", "totalFee": "-0.005693536"}}]),
            [
                VenueTrade(
                    market="BTCUSDT", venue_order_id="1098394344925597696",
                    venue_trade_id="1098394344974925824", side="sell", price=Decimal("28467.68"),
                    quantity=Decimal("0.0002"), quote_quantity=Decimal("5.693536"),
                    fee=Fee(asset="USDT", amount=Decimal("0.005693536")),
                    executed_at=datetime(2023, 10, 18, 4, 32, 19, 699000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            _data([{"symbol": "BTCUSDT", "lastPr": "34413.1", "bidPr": "34413.0",
                    "askPr": "34413.2"}]),
            VenueTicker(market="BTCUSDT", bid=Decimal(34413), ask=Decimal("34413.2"),
                        last=Decimal("34413.1")),
        ),
        outcomes=[
            ("order", 200, _data(_TAKEN), OrderState.ACCEPTED, CLIENT_ID),
            ("order", 400, _error("43012"), OrderState.REJECTED, "43012"),
            ("order", 400, _error("40015"), OrderState.UNKNOWN, "40015"),
            ("order", 503, _error("43012"), OrderState.UNKNOWN, "43012"),
            ("cancel", 200, _data(_TAKEN), OrderState.UNKNOWN, CLIENT_ID),
            ("cancel", 400, _error("43001"), OrderState.UNKNOWN, "43001"),
            ("status", 200, _data([_ROW]), OrderState.ACCEPTED, CLIENT_ID),
            ("status", 200, _data([_ROW | {"status": "filled", "baseVolume": "0.0002"}]),
             OrderState.FILLED, CLIENT_ID),
            ("status", 200, _data([_ROW | {"status": "dreaming"}]), OrderState.UNKNOWN,
             "http-200"),
            ("status", 200, _data([]), OrderState.UNKNOWN, "http-200"),
        ],
    ),
)  # fmt: skip
