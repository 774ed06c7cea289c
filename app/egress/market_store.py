"""SQL of public market data: which markets matter, what they are, what they cost."""

import msgspec

from app.db.pool import Tx
from app.exchanges.models import MarketSnapshot, VenueTicker

# Markets of living grants, and the reference market of every venue with a key that is linked or
# being linked, so that prices are there before the first order. Not per trader on purpose.
_WANTED = """
    SELECT c.venue_id, m.market
      FROM bot_grant g
      JOIN exchange_credential c
        ON c.trader_id = g.trader_id AND c.credential_id = g.credential_id
     CROSS JOIN LATERAL jsonb_array_elements_text(
           convert_from(g.limits, 'UTF8')::jsonb -> 'markets') AS m(market)
     WHERE g.expires_at > clock_timestamp() AND effective_level(g.trader_id, g.path) < 4
    UNION
    SELECT venue_id, $1 FROM exchange_credential
     WHERE state <> 'refused' AND effective_level(trader_id, path) < 4
"""

_PUT_SNAPSHOT = """
    INSERT INTO market_snapshot (venue_id, market, snapshot, fetched_at)
    VALUES ($1, $2, $3::text::jsonb, clock_timestamp())
    ON CONFLICT (venue_id, market) DO UPDATE
       SET snapshot = excluded.snapshot, fetched_at = excluded.fetched_at
"""

# The price is as old as its question, by the database's clock: a slow answer is not a fresh one.
_PUT_PRICE = """
    INSERT INTO market_price AS p (venue_id, market, bid, ask, as_of)
    VALUES ($1, $2, $3, $4, clock_timestamp() - make_interval(secs => $5))
    ON CONFLICT (venue_id, market) DO UPDATE
       SET bid = excluded.bid, ask = excluded.ask, as_of = excluded.as_of
     WHERE p.as_of < excluded.as_of
"""


class Market(msgspec.Struct, frozen=True):
    """One market of one venue, by the venue's own id."""

    venue_id: str
    market: str


async def wanted(tx: Tx, *, reference: str) -> list[Market]:
    """Markets somebody may trade now, with `reference` on every venue in use."""
    rows = await tx.fetch(_WANTED, reference)
    return [Market(row["venue_id"], row["market"]) for row in rows]


async def put_snapshot(tx: Tx, snapshot: MarketSnapshot) -> None:
    """Replace a market's description: the whole struct as JSON, the venue's own bytes in `raw`.

    The bytes travel as base64 inside, because `jsonb` keeps values but not spelling.
    """
    described = msgspec.json.encode(snapshot).decode()
    await tx.execute(_PUT_SNAPSHOT, snapshot.venue, snapshot.market, described)


async def put_price(tx: Tx, venue_id: str, ticker: VenueTicker, *, age_seconds: float) -> None:
    """Replace a market's best prices, unless a later answer was faster."""
    await tx.execute(_PUT_PRICE, venue_id, ticker.market, ticker.bid, ticker.ask, age_seconds)
