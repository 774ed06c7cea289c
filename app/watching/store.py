"""SQL of the watching room. Read only."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from app.accesslog.models import LOCKED_CHAIN
from app.db.pool import Tx
from app.watching.models import Standing, Told

_HEADS = """
    SELECT trader_id, position FROM access_log_head WHERE trader_id = ANY ($1) AND chain = $2
"""

# Partitions are by time, positions are not: LIMIT and the primary key keep this an index walk.
_AFTER = """
    SELECT position, at, event, outcome, token_id, subject_id FROM access_log
     WHERE trader_id = $1 AND chain = $2 AND position > $3 AND position <= $4
       AND event = ANY ($5)
     ORDER BY position LIMIT $6
"""

_STANDING = """
    SELECT effective_level(t.trader_id, t.path) AS level,
           (SELECT min(a.expires_at) FROM token a
             WHERE a.trader_id = $1 AND a.token_id = ANY (t.path)) AS expires_at
      FROM token t WHERE t.trader_id = $1 AND t.token_id = $2
"""


async def heads(tx: Tx, traders: Collection[UUID]) -> dict[UUID, int]:
    """Last position of the locked chain of each trader that has one."""
    rows = await tx.fetch(_HEADS, list(traders), LOCKED_CHAIN)
    return {row["trader_id"]: row["position"] for row in rows}


async def after(
    tx: Tx, trader_id: UUID, position: int, *, until: int, events: Sequence[str], limit: int
) -> list[Told]:
    """What the chain tells of `events` in (position, until], the oldest first."""
    rows = await tx.fetch(_AFTER, trader_id, LOCKED_CHAIN, position, until, list(events), limit)
    return [msgspec.convert(dict(row), Told) for row in rows]


async def standing(tx: Tx, trader_id: UUID, token_id: UUID) -> Standing | None:
    row = await tx.fetchrow(_STANDING, trader_id, token_id)
    return None if row is None else msgspec.convert(dict(row), Standing)
