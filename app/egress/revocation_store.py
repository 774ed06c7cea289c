"""SQL of the clean-up half of a revocation: who still has something to undo."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx

# Not per trader on purpose: the courier serves all.
_OPEN_REVOCATIONS = """
    SELECT trader_id, revocation_id, token_id, path, cleanup_deadline_at, cleanup_state
      FROM revocation WHERE cleanup_state <> 'done' ORDER BY revoked_at LIMIT $1
"""
_ONE_REVOCATION = """
    SELECT trader_id, revocation_id, token_id, path, cleanup_deadline_at, cleanup_state
      FROM revocation WHERE trader_id = $1 AND revocation_id = $2
"""
_BEGIN = """
    UPDATE revocation SET cleanup_state = 'running'
     WHERE trader_id = $1 AND revocation_id = $2 AND cleanup_state = 'pending'
"""
_END = """
    UPDATE revocation r SET cleanup_state = 'done'
     WHERE r.trader_id = $1 AND r.revocation_id = $2 AND r.cleanup_state = 'running'
       AND NOT EXISTS (SELECT FROM cleanup_item i
                        WHERE i.trader_id = $1 AND i.revocation_id = $2 AND i.state = 'pending')
"""


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """What clean-up needs to know of a revoke."""

    trader_id: UUID
    revocation_id: UUID
    token_id: UUID
    path: list[UUID]
    cleanup_deadline_at: datetime
    cleanup_state: str


async def open_revocations(tx: Tx, limit: int) -> list[Revocation]:
    rows = await tx.fetch(_OPEN_REVOCATIONS, limit)
    return [msgspec.convert(dict(row), Revocation) for row in rows]


async def get(tx: Tx, trader_id: UUID, revocation_id: UUID) -> Revocation:
    """The revocation an item belongs to; there is one, by foreign key."""
    row = await tx.fetchrow(_ONE_REVOCATION, trader_id, revocation_id)
    return msgspec.convert(dict(row or {}), Revocation)


async def begin_cleanup(tx: Tx, trader_id: UUID, revocation_id: UUID) -> None:
    """Mark that the items are there; nothing happens where that is marked."""
    await tx.execute(_BEGIN, trader_id, revocation_id)


async def end_cleanup(tx: Tx, trader_id: UUID, revocation_id: UUID) -> None:
    """Mark the clean-up done, if no item is pending."""
    await tx.execute(_END, trader_id, revocation_id)
