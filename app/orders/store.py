"""SQL of orders. What moves an order needs the trader lock; the caller holds it."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Row, Tx
from app.orders.models import AT_VENUE, IN_DOUBT, Order, OrderState, Outcome

_COLUMNS = (
    "trader_id, order_id, grant_id, credential_id, sequence, venue_id, market, side, order_type,"
    " quantity, price, time_in_force, notional, quote, client_order_id, approval_id, state, rule,"
    " request_digest, venue_order_id, filled_quantity, venue_code, created_at, released_at,"
    " outcome_at"
)

_PAGE = f"""
    SELECT {_COLUMNS} FROM bot_order
     WHERE trader_id = $1 AND order_id > $2 AND ($3::uuid IS NULL OR grant_id = $3)
       AND ($4::text[] IS NULL OR state = ANY ($4))
     ORDER BY order_id LIMIT $5
"""

_UNASKED = f"""
    SELECT {_COLUMNS} FROM bot_order
     WHERE trader_id = $1 AND approval_id IS NULL AND state = ANY ($2)
     ORDER BY order_id DESC LIMIT $3
"""

_MOVE = "SELECT move_order($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"

# Not per trader on purpose: the courier serves all. A key that may not read any more is left out.
_IN_DOUBT = f"""
    SELECT {_COLUMNS} FROM bot_order o
     WHERE o.state = ANY ($1) AND (o.state = 'unknown'
           OR o.released_at < clock_timestamp() - make_interval(secs => $2))
       AND EXISTS (SELECT FROM exchange_credential c
                    WHERE c.trader_id = o.trader_id AND c.credential_id = o.credential_id
                      AND effective_level(c.trader_id, c.path) < 4)
     ORDER BY o.released_at DESC LIMIT $3
"""

_AT_VENUE = f"""
    SELECT {_COLUMNS} FROM bot_order
     WHERE trader_id = $1 AND credential_id = $2 AND state = ANY ($3)
       AND outcome_at < clock_timestamp() - make_interval(secs => $4)
     ORDER BY order_id
"""


_REFUSE_HELD = """
    UPDATE bot_order SET state = 'refused', rule = $3
     WHERE trader_id = $1 AND approval_id = $2 AND state = 'held'
"""

_POINT_AT = """
    UPDATE bot_order SET approval_id = $3
     WHERE trader_id = $1 AND approval_id = ANY ($2) AND state = 'held'
"""

# Not per trader on purpose: one sweep serves all; each is then ended under its trader's lock.
_OVERDUE = """
    SELECT o.trader_id, o.order_id FROM bot_order o
      JOIN approval a ON a.trader_id = o.trader_id AND a.approval_id = o.approval_id
     WHERE o.state = 'held' AND a.expires_at <= $1
     LIMIT $2
"""

_EXPIRE_HELD = """
    UPDATE bot_order SET state = 'expired', rule = 'approval_expired'
     WHERE trader_id = $1 AND order_id = $2 AND state = 'held'
    RETURNING grant_id
"""


async def refuse_held(tx: Tx, trader_id: UUID, approval_id: UUID, rule: str) -> None:
    """End the orders that a person said no to, and only those that were asked about."""
    await tx.execute(_REFUSE_HELD, trader_id, approval_id, rule)


async def point_at(
    tx: Tx, trader_id: UUID, approval_ids: Collection[UUID], approval_id: UUID
) -> None:
    """Let the held orders of several approvals wait for another one."""
    await tx.execute(_POINT_AT, trader_id, list(approval_ids), approval_id)


async def overdue(tx: Tx, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(trader, order) of held orders whose approval nobody gave in time."""
    rows = await tx.fetch(_OVERDUE, now, limit)
    return [(row["trader_id"], row["order_id"]) for row in rows]


async def expire_held(tx: Tx, trader_id: UUID, order_id: UUID) -> UUID | None:
    """End one such order; its grant, or None if it went on meanwhile."""
    grant_id: UUID | None = await tx.fetchval(_EXPIRE_HELD, trader_id, order_id)
    return grant_id


async def get(tx: Tx, trader_id: UUID, order_id: UUID) -> Order | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM bot_order WHERE trader_id = $1 AND order_id = $2",
        trader_id,
        order_id,
    )
    return None if row is None else _order(row)


async def page(
    tx: Tx,
    trader_id: UUID,
    *,
    grant_id: UUID | None,
    states: Collection[OrderState] | None,
    after: UUID,
    limit: int,
) -> list[Order]:
    """Orders by id, all or of one grant, in any of `states` (None: in all)."""
    wanted = None if states is None else list(states)
    rows = await tx.fetch(_PAGE, trader_id, after, grant_id, wanted, limit)
    return [_order(row) for row in rows]


async def unasked(
    tx: Tx, trader_id: UUID, states: Collection[OrderState], limit: int
) -> list[Order]:
    """The newest orders that nobody was asked about, in any of `states`, the newest first."""
    rows = await tx.fetch(_UNASKED, trader_id, list(states), limit)
    return [_order(row) for row in rows]


async def move(
    tx: Tx,
    order: Order,
    outcome: Outcome,
    *,
    actor: str,
    ok: bool,
    answer_digest: bytes | None,
    words: str,
) -> bool:
    """Store an outcome made by `rules.next_outcome`, settle what was reserved, and log it.

    A final order gives back the notional of its unfilled part, on every node of its path, for the
    UTC day it was released on. False where the order was moved by another outcome meanwhile.
    """
    moved: bool = await tx.fetchval(
        _MOVE,
        order.trader_id,
        order.order_id,
        order.state,
        outcome.state,
        outcome.venue_order_id,
        outcome.filled_quantity,
        outcome.venue_code,
        actor,
        "ok" if ok else "failed",
        answer_digest,
        words,
    )
    return moved


async def in_doubt(tx: Tx, *, older_than_seconds: float, limit: int) -> list[Order]:
    """Orders of all traders to ask the venue about, the newest first."""
    rows = await tx.fetch(_IN_DOUBT, list(IN_DOUBT), older_than_seconds, limit)
    return [_order(row) for row in rows]


async def at_venue(
    tx: Tx, trader_id: UUID, credential_id: UUID, *, known_seconds: float
) -> list[Order]:
    """Orders that rest in the venue's book as far as we know, since `known_seconds` at least."""
    rows = await tx.fetch(_AT_VENUE, trader_id, credential_id, list(AT_VENUE), known_seconds)
    return [_order(row) for row in rows]


async def grant_path(tx: Tx, trader_id: UUID, grant_id: UUID) -> list[UUID]:
    """Ancestors of a grant from the root, itself last."""
    path: list[UUID] = await tx.fetchval(
        "SELECT path FROM bot_grant WHERE trader_id = $1 AND grant_id = $2", trader_id, grant_id
    )
    return path


def _order(row: Row) -> Order:
    return msgspec.convert(dict(row), Order)
