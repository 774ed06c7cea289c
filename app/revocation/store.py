"""SQL behind a receipt's pages. Never run inside the revoke."""

from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.revocation.models import CleanUpView, SlippedOrder
from app.tokens.models import Revocation

_ITEMS = """
    SELECT i.kind, c.venue_id AS venue, i.state, i.attempts, o.market, o.client_order_id
      FROM cleanup_item i
      JOIN exchange_credential c ON c.trader_id = i.trader_id
                                AND c.credential_id = i.credential_id
      LEFT JOIN bot_order o ON o.trader_id = i.trader_id AND o.order_id = i.order_id
     WHERE i.trader_id = $1 AND i.revocation_id = $2
     ORDER BY i.item_no
"""

_SLIPPED = """
    SELECT o.order_id, o.client_order_id, o.market, o.state
      FROM bot_order o JOIN bot_grant g ON g.trader_id = o.trader_id AND g.grant_id = o.grant_id
     WHERE o.trader_id = $1 AND $2 = ANY (g.path) AND o.released_at <= $3
       AND (o.outcome_at IS NULL OR o.outcome_at > $3)
     ORDER BY o.order_id LIMIT 100
"""


async def clean_up_items(tx: Tx, revocation: Revocation) -> list[CleanUpView]:
    rows = await tx.fetch(_ITEMS, revocation.trader_id, revocation.revocation_id)
    return [msgspec.convert(dict(row), CleanUpView) for row in rows]


async def slipped_orders(tx: Tx, revocation: Revocation) -> list[SlippedOrder]:
    rows = await tx.fetch(
        _SLIPPED, revocation.trader_id, revocation.token_id, revocation.revoked_at
    )
    return [msgspec.convert(dict(row), SlippedOrder) for row in rows]


async def find_by_receipt(
    tx: Tx, trader_id: UUID, revocation_id: UUID, receipt_hash: bytes
) -> Revocation | None:
    row = await tx.fetchrow(
        "SELECT * FROM revocation"
        " WHERE trader_id = $1 AND revocation_id = $2 AND receipt_hash = $3",
        trader_id,
        revocation_id,
        receipt_hash,
    )
    return None if row is None else msgspec.convert(dict(row), Revocation)
