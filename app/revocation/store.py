"""SQL behind the pages of a revocation. Never run inside the revoke; every page is bounded."""

from datetime import timedelta
from uuid import UUID

import msgspec

from app.db.pool import Row, Tx
from app.revocation.models import COUNTED, CleanUpView, Counts, OrderLine, Victim
from app.tokens.models import Revocation

FIRST = UUID(int=0)
LAST = UUID(int=2**128 - 1)

_SLIPPED_SINCE = timedelta(hours=1)
"""An order without an outcome an hour after it was released is in doubt, and did not slip past this
revoke. Order ids are UUIDv7, so that the hour is a range of the primary key."""

_CLOCKS = timedelta(seconds=10)
"""Order ids are named by the signer's clock, revokes by the database's; 2 s apart at the most."""

_ITEMS = """
    SELECT i.item_no, i.kind, c.venue_id AS venue, i.state, i.attempts, i.last_outcome, o.market,
           o.client_order_id
      FROM cleanup_item i
      JOIN exchange_credential c ON c.trader_id = i.trader_id
                                AND c.credential_id = i.credential_id
      LEFT JOIN bot_order o ON o.trader_id = i.trader_id AND o.order_id = i.order_id
     WHERE i.trader_id = $1 AND i.revocation_id = $2 AND i.item_no > $3
     ORDER BY i.item_no LIMIT $4
"""

_SLIPPED = """
    SELECT o.order_id, o.client_order_id, o.market, o.side, o.state
      FROM bot_order o JOIN bot_grant g ON g.trader_id = o.trader_id AND g.grant_id = o.grant_id
     WHERE o.trader_id = $1 AND $2 = ANY (g.path) AND o.order_id > $4 AND o.order_id < $5
       AND o.released_at <= $3 AND (o.outcome_at IS NULL OR o.outcome_at > $3)
     ORDER BY o.order_id LIMIT $6
"""

# In mode `cancel_entries` a sell is left, and never an item (`orders.rules.is_entry`).
_KEPT = """
    SELECT o.order_id, o.client_order_id, o.market, o.side, o.state
      FROM bot_order o JOIN bot_grant g ON g.trader_id = o.trader_id AND g.grant_id = o.grant_id
     WHERE o.trader_id = $1 AND $2 = ANY (g.path) AND o.order_id > $3 AND o.side = 'sell'
       AND o.state IN ('released', 'accepted', 'partially_filled', 'unknown')
     ORDER BY o.order_id LIMIT $4
"""

_STATES = """
    SELECT state, count(*) AS items
      FROM (SELECT state FROM cleanup_item
             WHERE trader_id = $1 AND revocation_id = $2 LIMIT $3) AS counted
     GROUP BY state
"""

_BELOW = """
    SELECT token_id, kind, parent_id, label, created_at, expires_at FROM tree_below($1, $2, $3, $4)
"""


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
    return None if row is None else _revocation(row)


async def get(tx: Tx, trader_id: UUID, revocation_id: UUID) -> Revocation | None:
    row = await tx.fetchrow(
        "SELECT * FROM revocation WHERE trader_id = $1 AND revocation_id = $2",
        trader_id,
        revocation_id,
    )
    return None if row is None else _revocation(row)


async def newest(tx: Tx, trader_id: UUID, before: UUID, limit: int) -> list[Revocation]:
    """A trader's revocations, the newest first, from before one on."""
    rows = await tx.fetch(
        "SELECT * FROM revocation WHERE trader_id = $1 AND revocation_id < $2"
        " ORDER BY revocation_id DESC LIMIT $3",
        trader_id,
        before,
        limit,
    )
    return [_revocation(row) for row in rows]


async def victims(tx: Tx, revocation: Revocation, after: UUID | None, limit: int) -> list[Victim]:
    """Nodes at and below the revoked one, parents first, from behind one on."""
    rows = await tx.fetch(_BELOW, revocation.trader_id, revocation.token_id, after, limit)
    return [msgspec.convert(dict(row), Victim) for row in rows]


async def clean_up_items(
    tx: Tx, revocation: Revocation, after: int, limit: int
) -> list[CleanUpView]:
    rows = await tx.fetch(_ITEMS, revocation.trader_id, revocation.revocation_id, after, limit)
    return [msgspec.convert(dict(row), CleanUpView) for row in rows]


async def slipped_orders(
    tx: Tx, revocation: Revocation, after: UUID | None, limit: int
) -> list[OrderLine]:
    """Orders released before the revoke without a clear word of the venue when it came."""
    since = _first_id_at(revocation, -_SLIPPED_SINCE)
    rows = await tx.fetch(
        _SLIPPED,
        revocation.trader_id,
        revocation.token_id,
        revocation.revoked_at,
        since if after is None else max(after, since),
        _first_id_at(revocation, _CLOCKS),
        limit,
    )
    return [msgspec.convert(dict(row), OrderLine) for row in rows]


async def kept_orders(
    tx: Tx, revocation: Revocation, after: UUID | None, limit: int
) -> list[OrderLine]:
    """Orders still open because the clean-up mode leaves them."""
    if revocation.mode != "cancel_entries":
        return []
    rows = await tx.fetch(_KEPT, revocation.trader_id, revocation.token_id, after or FIRST, limit)
    return [msgspec.convert(dict(row), OrderLine) for row in rows]


async def counts(tx: Tx, revocation: Revocation) -> Counts:
    """What a revoke met, each counted to `COUNTED` and no further."""
    trader_id = revocation.trader_id
    tokens = await tx.fetchval(
        "SELECT count_below($1, $2, $3)", trader_id, revocation.token_id, COUNTED
    )
    slipped = await slipped_orders(tx, revocation, None, COUNTED)
    kept = await kept_orders(tx, revocation, None, COUNTED)
    rows = await tx.fetch(_STATES, trader_id, revocation.revocation_id, COUNTED)
    states = {row["state"]: row["items"] for row in rows}
    return Counts(
        tokens=tokens,
        orders_slipped=len(slipped),
        orders_kept=len(kept),
        cleanup_pending=states.get("pending", 0),
        cleanup_done=states.get("done", 0),
        cleanup_unsupported=states.get("unsupported", 0),
        cleanup_unconfirmed=states.get("unconfirmed", 0),
    )


def _first_id_at(revocation: Revocation, apart: timedelta) -> UUID:
    """The smallest UUIDv7 of a moment before or after the revoke (RFC 9562 section 5.7)."""
    milliseconds = int((revocation.revoked_at + apart).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


def _revocation(row: Row) -> Revocation:
    return msgspec.convert(dict(row), Revocation)
