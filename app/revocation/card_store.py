"""SQL of registered revocation cards: which there are, and taking one away."""

from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.revocation.models import CardLine

_PAGE = """
    SELECT c.card_id, c.root_id, c.created_at FROM revocation_card c
      JOIN trader t ON t.trader_id = c.trader_id AND t.root_id = c.root_id
     WHERE c.trader_id = $1 AND c.card_id > $2 AND c.removed_at IS NULL
     ORDER BY c.card_id LIMIT $3
"""

_REMOVE = """
    UPDATE revocation_card SET removed_at = clock_timestamp() + interval '24 hours'
     WHERE trader_id = $1 AND card_id = $2 AND removed_at IS NULL
    RETURNING card_id
"""


async def page(tx: Tx, trader_id: UUID, after: UUID, limit: int) -> list[CardLine]:
    rows = await tx.fetch(_PAGE, trader_id, after, limit)
    return [msgspec.convert(dict(row), CardLine) for row in rows]


async def remove(tx: Tx, trader_id: UUID, card_id: UUID) -> bool:
    """Make a card useless from a day on, once; False where there is none."""
    return await tx.fetchval(_REMOVE, trader_id, card_id) is not None
