"""SQL of registered revocation cards: which there are, and taking one away."""

from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.revocation.models import CardLine

_PAGE = """
    SELECT card_id, root_id, created_at FROM revocation_card
     WHERE trader_id = $1 AND card_id > $2 AND removed_at IS NULL
     ORDER BY card_id LIMIT $3
"""

_REMOVE = """
    UPDATE revocation_card SET removed_at = clock_timestamp()
     WHERE trader_id = $1 AND card_id = $2 AND removed_at IS NULL
    RETURNING card_id
"""


async def page(tx: Tx, trader_id: UUID, after: UUID, limit: int) -> list[CardLine]:
    rows = await tx.fetch(_PAGE, trader_id, after, limit)
    return [msgspec.convert(dict(row), CardLine) for row in rows]


async def remove(tx: Tx, trader_id: UUID, card_id: UUID) -> bool:
    """Make a card useless, once; False where there is none."""
    return await tx.fetchval(_REMOVE, trader_id, card_id) is not None
