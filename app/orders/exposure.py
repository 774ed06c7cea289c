"""SQL of what a branch of the tree has in the market: open orders, and what no stop protects."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from app.db.pool import Tx

POSITIONS = 500
"""Held assets looked at, at most: more than any account we have seen listed."""

STOP_MEANS = (
    "A resting sell order of a stop type (stop loss, with or without a limit, or trailing), as"
    " last read from the venue. A plain limit sell is shown as selling, not as a stop."
)

# Two halves, so that each finds its partial index; an order's branch is its grant's path.
_OPEN = """
    WITH alive AS (
        (SELECT o.venue_id, o.market, o.side, o.state, o.quantity - o.filled_quantity AS rest,
                o.quantity * o.price > $4::numeric AS is_larger
           FROM bot_order o
           JOIN bot_grant g ON g.trader_id = o.trader_id AND g.grant_id = o.grant_id
          WHERE o.trader_id = $1 AND $2 = ANY (g.path)
            AND o.state IN ('released', 'accepted', 'partially_filled', 'unknown')
          LIMIT $3)
        UNION ALL
        (SELECT o.venue_id, o.market, o.side, o.state, o.quantity - o.filled_quantity,
                o.quantity * o.price > $4::numeric
           FROM bot_order o
           JOIN bot_grant g ON g.trader_id = o.trader_id AND g.grant_id = o.grant_id
          WHERE o.trader_id = $1 AND $2 = ANY (g.path) AND o.state = 'held'
          LIMIT $3))
    SELECT venue_id AS venue, market, side, state, coalesce(is_larger, false) AS is_larger,
           count(*) AS count, coalesce(sum(rest), 0) AS quantity
      FROM alive GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""

# $2 is the node, $3 its path: the accounts below it, or the one it trades on.
_HELD = """
    WITH markets AS MATERIALIZED (
        SELECT venue_id, market, snapshot ->> 'base' AS base, snapshot ->> 'quote' AS quote
          FROM market_snapshot),
    held AS MATERIALIZED (
        SELECT b.credential_id, c.venue_id, b.asset, b.free + b.locked AS held, b.as_of
          FROM exchange_credential c
          JOIN venue_balance b ON b.trader_id = c.trader_id AND b.credential_id = c.credential_id
         WHERE c.trader_id = $1 AND c.state = 'active'
           AND ($2 = ANY (c.path) OR c.credential_id = ANY ($3::uuid[]))
           AND b.free + b.locked > 0
         ORDER BY b.credential_id, b.asset LIMIT $4),
    selling AS (
        SELECT o.credential_id, m.base,
               sum(o.quantity - o.filled_quantity) FILTER (WHERE s.is_stop) AS stopped,
               sum(o.quantity - o.filled_quantity) FILTER (WHERE NOT s.is_stop) AS selling
          FROM venue_open_order o
          JOIN exchange_credential c ON c.trader_id = o.trader_id
                                    AND c.credential_id = o.credential_id
          JOIN markets m ON m.venue_id = c.venue_id AND m.market = o.market
         CROSS JOIN LATERAL (SELECT lower(o.order_type) LIKE '%stop%' AS is_stop) s
         WHERE o.trader_id = $1 AND lower(o.side) = 'sell'
         GROUP BY o.credential_id, m.base),
    read AS (
        SELECT o.credential_id, max(o.as_of) AS as_of FROM venue_open_order o
         WHERE o.trader_id = $1 GROUP BY o.credential_id)
    SELECT h.credential_id, h.venue_id AS venue, h.asset, h.held, h.as_of,
           coalesce(s.stopped, 0) AS stopped, coalesce(s.selling, 0) AS selling,
           r.as_of AS orders_as_of,
           ARRAY(SELECT m.market FROM markets m
                  WHERE m.venue_id = h.venue_id AND m.base = h.asset
                  ORDER BY m.market LIMIT 20) AS markets,
           EXISTS (SELECT FROM markets m
                    WHERE m.venue_id = h.venue_id AND m.quote = h.asset) AS is_quote
      FROM held h
      LEFT JOIN selling s ON s.credential_id = h.credential_id AND s.base = h.asset
      LEFT JOIN read r ON r.credential_id = h.credential_id
     ORDER BY h.credential_id, h.asset
"""


class OpenGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Alive orders of one venue, market, side and state; `quantity` is what is unfilled.

    `is_larger`: each is worth more, at its own price, than what the question named as largest.
    """

    venue: str
    market: str | None
    side: str | None
    state: str
    is_larger: bool
    count: int
    quantity: Decimal


class HeldAsset(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one asset, and what its resting sell orders would sell of it."""

    credential_id: UUID
    venue: str
    asset: str
    held: Decimal
    as_of: datetime
    stopped: Decimal
    selling: Decimal
    orders_as_of: datetime | None
    markets: list[str]
    is_quote: bool

    @property
    def unprotected(self) -> Decimal:
        """Held beyond what stops would sell; nothing for cash, which is only ever paid with."""
        if self.is_quote and not self.markets:
            return Decimal(0)
        return max(Decimal(0), self.held - self.stopped)


async def open_orders(
    tx: Tx, trader_id: UUID, node_id: UUID, *, cap: int, largest: Decimal | None = None
) -> list[OpenGroup]:
    """Orders of grants at or below a node that are alive or may be, counted up to about `cap`.

    With `largest`, in quote, those above it stand in groups of their own.
    """
    rows = await tx.fetch(_OPEN, trader_id, node_id, cap + 1, largest)
    return [msgspec.convert(dict(row), OpenGroup) for row in rows]


async def held(tx: Tx, trader_id: UUID, node_id: UUID, path: Sequence[UUID]) -> list[HeldAsset]:
    """Assets held on the accounts below a node, or on the one above it; at most 500, and one."""
    rows = await tx.fetch(_HELD, trader_id, node_id, list(path), POSITIONS + 1)
    return [msgspec.convert(dict(row), HeldAsset) for row in rows]
