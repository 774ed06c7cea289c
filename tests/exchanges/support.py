"""A market as Binance describes it, an order in it, and ccxt as it comes with the secret in memory.

`PlainBinance` is the reference: nothing of it is replaced but the clock and the wire.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

import ccxt

from app.exchanges.answers import answers_of
from app.exchanges.models import MarketSnapshot, Unsigned, VenueOrder

NOW_MS = 1_763_600_000_123
AS_OF = datetime(2025, 11, 20, 1, 2, 3, tzinfo=UTC)
API_KEY_ID = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
CLIENT_ID = "tc01kA9ZbQ7rYx2LmN3pQ4sT"


def entry(market: str = "BTCUSDT", base: str = "BTC", tick: str = "0.01000000") -> dict[str, Any]:
    """One symbol of `exchangeInfo`, the fields and filters the venue sends."""
    return {
        "symbol": market,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": "USDT",
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01000000",
                "maxPrice": "1000000.00000000",
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": "0.00001000",
                "maxQty": "9000.00000000",
                "stepSize": "0.00001000",
            },
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def snapshot(described: dict[str, Any] | None = None, venue: str = "sandbox") -> MarketSnapshot:
    described = described or entry()
    body = json.dumps({"timezone": "UTC", "symbols": [described]}).encode()
    return answers_of(venue).parse_market(200, body, market=described["symbol"], as_of=AS_OF)


def limit_order(**changes: Any) -> VenueOrder:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "quantity": Decimal("0.01"),
        "price": Decimal("50000.00"),
        "time_in_force": "GTC",
        "client_order_id": CLIENT_ID,
    }
    return VenueOrder(**(fields | changes))


def market_order(**changes: Any) -> VenueOrder:
    return limit_order(**({"type": "market", "price": None, "time_in_force": None} | changes))


def sign(unsigned: Unsigned) -> bytes:
    """What the HSM would answer, from a secret these tests do hold."""
    return hmac.digest(SECRET.encode(), unsigned.message, hashlib.sha256)


class Seen(BaseException):
    """The request plain ccxt was about to send."""

    def __init__(self, url: str, method: str, headers: dict[str, str], body: str | None) -> None:
        super().__init__()
        self.url, self.method, self.headers, self.body = url, method, headers, body


class PlainBinance(ccxt.binance):  # type: ignore[misc]
    """ccxt.binance with its secret in memory, its own options and its own signature."""

    def milliseconds(self) -> int:
        return NOW_MS

    def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> NoReturn:
        raise Seen(url, method, headers or {}, body)


def plain_binance(described: dict[str, Any] | None = None) -> Any:
    exchange = PlainBinance({"apiKey": API_KEY_ID, "secret": SECRET, "enableRateLimit": False})
    # ccxt fills these two when it fetches markets; they only say where margin exists.
    exchange.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    exchange.options["fetchOpenOrders"] = {"warnWithoutSymbol": False}
    exchange.set_markets([exchange.parse_market(described or entry())])
    return exchange
