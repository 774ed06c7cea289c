"""SQL of clean-up items: written by the signer, worked off by the courier."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.db.pool import Row, Tx
from app.orders.models import CleanUpItem, ItemState

_COLUMNS = (
    "trader_id, revocation_id, item_no, kind, credential_id, order_id, state, attempts, due_at,"
    " last_outcome"
)

# Not per trader on purpose: the courier serves all.
_DUE = f"""
    SELECT {_COLUMNS} FROM cleanup_item WHERE state = 'pending' AND due_at <= $1
     ORDER BY due_at, item_no LIMIT $2
"""

_CLAIM = """
    UPDATE cleanup_item SET attempts = attempts + 1, due_at = $5
     WHERE trader_id = $1 AND revocation_id = $2 AND item_no = $3 AND attempts = $4
       AND state = 'pending'
    RETURNING item_no
"""

_CONCLUDE = """
    UPDATE cleanup_item SET state = $4, last_outcome = $5
     WHERE trader_id = $1 AND revocation_id = $2 AND item_no = $3 AND state = 'pending'
       AND (state <> $4 OR last_outcome IS DISTINCT FROM $5)
    RETURNING item_no
"""


async def due(tx: Tx, now: datetime, limit: int) -> Sequence[CleanUpItem]:
    """Items of all traders whose next attempt is due, the oldest first."""
    return [_item(row) for row in await tx.fetch(_DUE, now, limit)]


async def claim(tx: Tx, item: CleanUpItem, *, next_due_at: datetime) -> bool:
    """Take the next attempt of an item; False where another process took it.

    The row says when the following one is due before this one begins, so that a killed process
    neither loses the item nor repeats it at once.
    """
    taken = await tx.fetchval(
        _CLAIM, item.trader_id, item.revocation_id, item.item_no, item.attempts, next_due_at
    )
    return taken is not None


async def conclude(tx: Tx, item: CleanUpItem, state: ItemState, outcome: str) -> bool:
    """Write what an attempt came to. False where that was known, or the item is final."""
    changed = await tx.fetchval(
        _CONCLUDE, item.trader_id, item.revocation_id, item.item_no, state, outcome
    )
    return changed is not None


def _item(row: Row) -> CleanUpItem:
    return msgspec.convert(dict(row), CleanUpItem)
