"""Coinbase Advanced. Market and answers are shaped as its documents and ccxt's comments show."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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
    "product_id": "BTC-USD",
    "price": "67060",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "quote_min_size": "1",
    "quote_max_size": "150000000",
    "base_min_size": "0.00000001",
    "base_max_size": "3400",
    "base_name": "Bitcoin",
    "is_disabled": False,
    "status": "online",
    "trading_disabled": False,
    "product_type": "SPOT",
    "quote_currency_id": "USD",
    "base_currency_id": "BTC",
    "view_only": False,
    "price_increment": "0.01",
}
_ORGANIZATION = "3b910e93-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
_KEY = f"organizations/{_ORGANIZATION}/apiKeys/d2efa49a-369c-43d7-a60e-ae26e28853c2"
_PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
)
_ORDER_ID = "52cfe5e2-0b29-4c19-a245-a6a773de5030"
_PARAMS = {"client_order_id": str(CLIENT_UUID)}
_ROW: dict[str, Any] = {
    "order_id": _ORDER_ID,
    "product_id": "BTC-USD",
    "order_configuration": {
        "limit_limit_gtc": {"base_size": "0.2", "limit_price": "0.006", "post_only": False}
    },
    "side": "SELL",
    "client_order_id": str(CLIENT_UUID),
    "status": "OPEN",
    "time_in_force": "GOOD_UNTIL_CANCELLED",
    "created_time": "2023-01-16T23:37:23.947030Z",
    "filled_size": "0",
    "average_filled_price": "0",
    "filled_value": "0",
    "order_type": "LIMIT",
}
_PLACED = {
    "success": True,
    "success_response": {"order_id": _ORDER_ID, "product_id": "BTC-USD", "side": "SELL",
                         "client_order_id": str(CLIENT_UUID)},
}  # fmt: skip


def _failed(error: str) -> Any:
    return {"success": False, "error_response": {"error": error, "message": "no"}}


def _plain() -> Any:
    exchange = plain(ccxt.coinbase, {"products": []}, apiKey=_KEY, secret=_PEM.decode())
    exchange.set_markets([exchange.parse_spot_market(_ENTRY, {})])
    return exchange


def _order(kind: str, side: str, *, number: Any = str, tif: str | None = None) -> Any:
    params = _PARAMS | ({"timeInForce": tif} if tif else {})
    amount, price = number("0.01"), number("50000.5") if kind == "limit" else None
    return lambda x: x.create_order("BTC/USD", kind, side, amount, price, params)


COINBASE = Case(
    venue_id="coinbase",
    origin="https://api.coinbase.com",
    api_key_id=_KEY,
    secret=_PEM,
    algorithm="es256",
    market="BTC-USD",
    entry=_ENTRY,
    other=_ENTRY | {"product_id": "ETH-USD", "base_currency_id": "ETH"},
    other_market="ETH-USD",
    coarser=lambda entry: [entry | {"price_increment": "1"}, entry | {"base_increment": "1"}],
    answer=lambda entry: entry,
    plain=_plain,
    venue_order_id=_ORDER_ID,
    loose=lambda signed: (dict(signed.headers)["Authorization"].split(".")[0].split(" ")[1],),
    orders=[
        ({}, _order("limit", "buy", tif="GTC")),
        ({"side": "sell", "time_in_force": "IOC"}, _order("limit", "sell", tif="IOC")),
        ({"time_in_force": "FOK"}, _order("limit", "buy", number=float, tif="FOK")),
        ({"type": "market", "side": "sell"}, _order("market", "sell")),
    ],
    cancel=lambda x: x.cancel_order(_ORDER_ID, "BTC/USD"),
    reads=[
        (ReadTarget(kind="permissions"), lambda x: x.v3PrivateGetBrokerageKeyPermissions()),
        (ReadTarget(kind="balances"), lambda x: x.fetch_balance({"v3": True})),
        (ReadTarget(kind="open_orders"), lambda x: x.fetch_open_orders()),
        (
            ReadTarget(kind="open_orders", market="BTC-USD"),
            lambda x: x.fetch_open_orders("BTC/USD"),
        ),
        (
            ReadTarget(kind="order", market="BTC-USD", venue_order_id=_ORDER_ID),
            lambda x: x.fetch_order(_ORDER_ID, "BTC/USD"),
        ),
        (ReadTarget(kind="trades", market="BTC-USD"), lambda x: x.fetch_my_trades("BTC/USD")),
        (
            ReadTarget(kind="trades", market="BTC-USD", since_ms=NOW_MS - 9, limit=50),
            lambda x: x.fetch_my_trades("BTC/USD", NOW_MS - 9, 50),
        ),
    ],
    samples=Samples(
        rights=lambda granted: {"can_view": False, "can_trade": False, "can_transfer": False,
                                "portfolio_uuid": "11111111-1111-1111-1111-111111111111",
                                "portfolio_type": "CONSUMER"} | dict.fromkeys(granted, True),
        needed=["can_view", "can_trade"],
        allowed=[],
        refused=["can_transfer", "can_receive", "can_teleport"],
        balances=(
            {"accounts": [
                {"currency": "USD", "available_balance": {"value": "60.5", "currency": "USD"},
                 "hold": {"value": "40", "currency": "USD"}},
                {"currency": "BTC", "available_balance": {"value": "0.00", "currency": "BTC"},
                 "hold": {"value": "0", "currency": "BTC"}}], "has_next": False},
            [VenueBalance(asset="USD", free=Decimal("60.5"), locked=Decimal(40))],
        ),
        open_orders=(
            {"orders": [_ROW], "has_next": False},
            [
                OpenOrder(
                    market="BTC-USD", venue_order_id=_ORDER_ID, client_order_id=CLIENT_ID,
                    side="sell", type="limit_limit_gtc", protective=False,
                    quantity=Decimal("0.2"), filled_quantity=Decimal(0), price=Decimal("0.006"),
                    time_in_force="GOOD_UNTIL_CANCELLED",
                    created_at=datetime(2023, 1, 16, 23, 37, 23, 947030, tzinfo=UTC),
                )
            ],
        ),
        trades=(
            {"fills": [{"trade_id": "cdc39e45", "order_id": "813a53c5", "price": "20000",
                        "trade_time": "2023-01-18T01:37:38.091377090Z", "size": "100",
                        "commission": "0.5", "product_id": "BTC-USD", "size_in_quote": True,
                        "side": "BUY"}]},
            [
                VenueTrade(
                    market="BTC-USD", venue_order_id="813a53c5", venue_trade_id="cdc39e45",
                    side="buy", price=Decimal(20000), quantity=Decimal("0.005"),
                    quote_quantity=Decimal(100), fee=Fee(asset="USD", amount=Decimal("0.5")),
                    executed_at=datetime(2023, 1, 18, 1, 37, 38, 91377, tzinfo=UTC),
                )
            ],
        ),
        ticker=(
            {"trades": [{"trade_id": "1", "product_id": "BTC-USD", "price": "17488.12"}],
             "best_bid": "17488.11", "best_ask": "17488.13"},
            VenueTicker(market="BTC-USD", bid=Decimal("17488.11"), ask=Decimal("17488.13"),
                        last=Decimal("17488.12")),
        ),
        outcomes=[
            ("order", 200, _PLACED, OrderState.ACCEPTED, CLIENT_ID),
            ("order", 200, _failed("INSUFFICIENT_FUND"), OrderState.REJECTED, "INSUFFICIENT_FUND"),
            ("order", 200, _failed("UNKNOWN_FAILURE_REASON"), OrderState.UNKNOWN,
             "UNKNOWN_FAILURE_REASON"),
            ("order", 401, {"error": "unauthorized"}, OrderState.UNKNOWN, "http-401"),
            ("order", 503, _failed("INSUFFICIENT_FUND"), OrderState.UNKNOWN, "http-503"),
            ("cancel", 200, {"results": [{"success": True, "order_id": _ORDER_ID}]},
             OrderState.UNKNOWN, None),
            ("cancel", 200, {"results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL",
                                          "order_id": _ORDER_ID}]},
             OrderState.UNKNOWN, "UNKNOWN_CANCEL"),
            ("status", 200, {"order": _ROW}, OrderState.ACCEPTED, CLIENT_ID),
            ("status", 200, {"order": _ROW | {"filled_size": "0.1", "filled_value": "1"}},
             OrderState.PARTIALLY_FILLED, CLIENT_ID),
            ("status", 200, {"order": _ROW | {"status": "FILLED", "filled_size": "0.2"}},
             OrderState.FILLED, CLIENT_ID),
            ("status", 200, {"order": _ROW | {"status": "FAILED"}}, OrderState.REJECTED,
             CLIENT_ID),
            ("status", 200, {"order": _ROW | {"status": "DREAMING"}}, OrderState.UNKNOWN,
             "http-200"),
        ],
    ),
)  # fmt: skip
