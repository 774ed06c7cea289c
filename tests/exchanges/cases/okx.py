"""OKX, spot. The market and the answers are shaped as its documents and ccxt's comments show."""

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
    "baseCcy": "BTC",
    "ctType": "",
    "ctVal": "",
    "instId": "BTC-USDT",
    "instType": "SPOT",
    "lever": "10",
    "listTime": "1548133413000",
    "lotSz": "0.00000001",
    "maxLmtSz": "9999999999",
    "minSz": "0.00001",
    "quoteCcy": "USDT",
    "settleCcy": "",
    "state": "live",
    "tickSz": "0.1",
    "uly": "",
}
_KEY, _SECRET = "985d5b66-57ce-40fb-b714-afc0b9787083", "22582BD0CFF14C41EDBF1AB98506286D"
_PASSPHRASE = "a passphrase of its own"
_ROW: dict[str, Any] = {
    "accFillSz": "0",
    "avgPx": "",
    "cTime": "1621910749815",
    "clOrdId": CLIENT_ID,
    "fee": "0",
    "feeCcy": "BTC",
    "instId": "BTC-USDT",
    "instType": "SPOT",
    "ordId": "317251910906576896",
    "ordType": "limit",
    "px": "2000",
    "side": "buy",
    "state": "live",
    "sz": "0.001",
    "tdMode": "cash",
}
_TAKEN = {"clOrdId": CLIENT_ID, "ordId": "312269865356374016", "tag": "", "sCode": "0", "sMsg": ""}


def _data(*rows: Any) -> Any:
    return {"code": "0", "msg": "", "data": list(rows)}


def _refused(code: str) -> Any:
    return {"code": "1", "msg": "", "data": [_TAKEN | {"ordId": "", "sCode": code}]}


def _plain() -> Any:
    options = {"createOrder": "privatePostTradeOrder", "fetchMarkets": {"types": ["spot"]}}
    return plain(
        ccxt.okx, _data(_ENTRY), apiKey=_KEY, secret=_SECRET, password=_PASSPHRASE, options=options
    )


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = {"clOrdId": CLIENT_ID} | ({"timeInForce": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/USDT", kind, side, amount, price, params)


OKX = Case(
    venue_id="okx",
    origin="https://www.okx.com",
    api_key_id=_KEY,
    secret=_SECRET.encode(),
    algorithm="hmac-sha256",
    clear=_PASSPHRASE,
    market="BTC-USDT",
    entry=_ENTRY,
    other=_ENTRY | {"instId": "ETH-USDT", "baseCcy": "ETH"},
    other_market="ETH-USDT",
    coarser=lambda entry: [entry | {"tickSz": "1"}, entry | {"lotSz": "1"}],
    answer=_data,
    plain=_plain,
    orders=[
        ({}, _order("limit", "buy")),
        ({"side": "sell", "time_in_force": "IOC"}, _order("limit", "sell", tif="IOC")),
        ({"time_in_force": "FOK"}, _order("limit", "buy", number=float, tif="FOK")),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
        ({"type": "market"}, _order("market", "buy", number=float)),
    ],
    cancel=lambda x: x.cancel_order(None, "BTC/USDT", {"clOrdId": CLIENT_ID}),
    reads=[
        (ReadTarget(kind="permissions"), lambda x: x.privateGetAccountConfig()),
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance()),
        (
            ReadTarget(kind="open_orders"),
            lambda x: x.fetch_open_orders(None, None, None, {"instType": "SPOT"}),
        ),
        (
            ReadTarget(kind="open_orders", market="BTC-USDT"),
            lambda x: x.fetch_open_orders("BTC/USDT", None, None, {"instType": "SPOT"}),
        ),
        (
            ReadTarget(kind="order", market="BTC-USDT", client_order_id=CLIENT_ID),
            lambda x: x.fetch_order(None, "BTC/USDT", {"clOrdId": CLIENT_ID}),
        ),
        (ReadTarget(kind="trades", market="BTC-USDT"), lambda x: x.fetch_my_trades("BTC/USDT")),
        (
            ReadTarget(kind="trades", market="BTC-USDT", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/USDT", NOW_MS - 9, None, {"limit": "50"}),
        ),
    ],
    samples=Samples(
        rights=lambda granted: _data({"uid": "1", "perm": ",".join(granted), "ip": "1.2.3.4"}),
        needed=["read_only", "trade"],
        allowed=[],
        refused=["withdraw", "teleport", ""],
        balances=(
            _data({"details": [
                {"ccy": "USDT", "availBal": "60.5", "frozenBal": "40", "cashBal": "100.5"},
                {"ccy": "BTC", "availBal": "0", "frozenBal": "0", "cashBal": "0"}]}),
            [VenueBalance(asset="USDT", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            _data(_ROW),
            [
                OpenOrder(
                    market="BTC-USDT", venue_order_id="317251910906576896",
                    client_order_id=CLIENT_ID, side="buy", type="limit", protective=False,
                    quantity=Decimal("0.001"), filled_quantity=Decimal(0), price=Decimal(2000),
                    time_in_force="GTC",
                    created_at=datetime(2021, 5, 25, 2, 45, 49, 815000, tzinfo=UTC),
                )
            ],
        ),
        trades=(
            _data({"side": "buy", "fillSz": "0.0075", "fillPx": "2654", "fee": "-0.0000075",
                   "ordId": "317321390244397056", "instType": "SPOT", "instId": "BTC-USDT",
                   "clOrdId": "", "tradeId": "107601752", "feeCcy": "BTC", "ts": "1621927314985"}),
            [
                VenueTrade(
                    market="BTC-USDT", venue_order_id="317321390244397056",
                    venue_trade_id="107601752", side="buy", price=Decimal(2654),
                    quantity=Decimal("0.0075"), quote_quantity=Decimal("19.905"),
                    fee=Fee(asset="BTC", amount=Decimal("0.0000075")),
                    executed_at=datetime(2021, 5, 25, 7, 21, 54, 985000, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            _data({"instType": "SPOT", "instId": "BTC-USDT", "last": "9999.99",
                   "askPx": "9999.99", "bidPx": "8888.88", "ts": "1597026383085"}),
            VenueTicker(market="BTC-USDT", bid=Decimal("8888.88"), ask=Decimal("9999.99"),
                        last=Decimal("9999.99")),
        ),
        outcomes=[
            ("order", 200, _data(_TAKEN), OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, _refused("51008"), OrderState.REJECTED, "51008"),
            ("order", 200, _refused("51016"), OrderState.UNKNOWN, "51016"),
            ("order", 200, _data(_TAKEN | {"sCode": "51008"}), OrderState.REJECTED, "51008"),
            ("order", 200, {"code": "50004", "msg": "", "data": []}, OrderState.UNKNOWN, "50004"),
            ("order", 401, {"code": "50111", "msg": "", "data": []}, OrderState.REJECTED, "50111"),
            ("order", 503, {"code": "50111", "msg": "", "data": []}, OrderState.UNKNOWN, "50111"),
            ("order", 200, _data(_TAKEN, _TAKEN), OrderState.UNKNOWN, "http-200"),
            ("cancel", 200, _data(_TAKEN), OrderState.UNKNOWN, CLIENT_ID),
            ("cancel", 200, _refused("51400"), OrderState.UNKNOWN, "51400"),
            ("status", 200, _data(_ROW), OrderState.ACCEPTED, CLIENT_ID),
            ("status", 200, _data(_ROW | {"state": "filled", "accFillSz": "0.001", "avgPx": "2"}),
             OrderState.FILLED, CLIENT_ID),
            ("status", 200, _data(_ROW | {"state": "canceled"}), OrderState.CANCELLED, CLIENT_ID),
            ("status", 200, _data(_ROW | {"state": "dreaming"}), OrderState.UNKNOWN, "http-200"),
            ("status", 200, {"code": "51603", "msg": "", "data": []}, OrderState.UNKNOWN, "51603"),
        ],
    ),
)  # fmt: skip
