"""One market with a price that is always fresh, as the courier would keep it.

It cheats: the far end of a drill sends nothing, so nobody reads prices; these are written by hand.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import msgspec

from app.exchanges.answers import answers_of
from scripts.drills.traders import MARKET, VENUE

_EVERY_SECONDS = 0.5
_PRICES = ("50000.00", "50000.01")
_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    {
        "filterType": "NOTIONAL",
        "minNotional": "5",
        "applyMinToMarket": True,
        "maxNotional": "9000000",
        "applyMaxToMarket": False,
        "avgPriceMins": 5,
    },
]
_DESCRIBED = {
    "symbol": MARKET,
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "icebergAllowed": True,
    "ocoAllowed": True,
    "quoteOrderQtyMarketAllowed": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": _FILTERS,
    "permissions": [],
    "permissionSets": [["SPOT"]],
    "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
    "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
}

_SNAPSHOT = """
    INSERT INTO market_snapshot (venue_id, market, snapshot, fetched_at)
    VALUES ($1, $2, $3::text::jsonb, now())
    ON CONFLICT (venue_id, market) DO UPDATE SET fetched_at = excluded.fetched_at
"""
_PRICE = """
    INSERT INTO market_price (venue_id, market, bid, ask, as_of)
    VALUES ($1, $2, $3::text::numeric, $4::text::numeric, now())
    ON CONFLICT (venue_id, market) DO UPDATE SET as_of = excluded.as_of
"""


@asynccontextmanager
async def open_market(dsn: str) -> AsyncIterator[None]:
    """The market is there, and its price stays fresh until the block ends."""
    connection = await asyncpg.connect(dsn)
    body = json.dumps({"timezone": "UTC", "symbols": [_DESCRIBED]}).encode()
    snapshot = answers_of(VENUE).parse_market(200, body, market=MARKET, as_of=datetime.now(UTC))
    await connection.execute(_SNAPSHOT, VENUE, MARKET, msgspec.json.encode(snapshot).decode())
    await connection.execute(_PRICE, VENUE, MARKET, *_PRICES)

    async def refresh() -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await connection.execute(_PRICE, VENUE, MARKET, *_PRICES)

    refreshing = asyncio.create_task(refresh())
    try:
        yield
    finally:
        refreshing.cancel()
        await asyncio.gather(refreshing, return_exceptions=True)
        await connection.close()
