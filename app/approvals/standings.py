"""SQL of the governor and of batches. The caller holds the trader lock."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.approvals import governing
from app.approvals.governing import Standing
from app.approvals.models import Approval
from app.approvals.store import COLUMNS
from app.db.pool import Tx

# A question that was put into a batch counts as the batch. A sign-in's requester is new each time,
# so it is its address that is counted ($4 is NULL then). A batch is everybody's of its lineage.
# Sign-ins take no token, so they have a trader's cap of their own: they cannot silence a bot.
_STANDING = """
    WITH recent AS MATERIALIZED (
        SELECT requester, action_type, intent, prompt, state, created_at, decided_at, expires_at
          FROM approval
         WHERE trader_id = $1 AND lineage = $2 AND created_at > $3::timestamptz - $8::interval),
    mine AS (
        SELECT * FROM recent
         WHERE ($4::text IS NULL OR requester = $4 OR action_type = 'trade.batch')
           AND state <> 'superseded'),
    yes AS (
        SELECT max(decided_at) FILTER (WHERE $4::text IS NULL OR requester = $4
                                          OR action_type = 'trade.batch') AS mine,
               max(decided_at) AS of_lineage
          FROM recent WHERE state IN ('approved', 'consumed')),
    asked AS (
        SELECT count(*) AS n, min(created_at) AS since FROM mine, yes
         WHERE prompt <> 'gathered' AND created_at > $3::timestamptz - $7::interval
           AND (yes.mine IS NULL OR created_at > yes.mine))
    SELECT asked.n AS asked, asked.since AS asked_since,
           (SELECT max(expires_at) FROM mine
             WHERE state = 'pending' AND expires_at > $3) AS open_until,
           (SELECT max(decided_at) FROM recent
             WHERE state IN ('denied', 'fraud')
               AND intent IN ($5, 'batch|' || $6)) AS denied_at,
           (SELECT count(*) FROM recent, yes
             WHERE state IN ('denied', 'fraud')
               AND decided_at > greatest($3::timestamptz - $8::interval, of_lineage)) AS strikes,
           (SELECT count(*) FROM approval
             WHERE trader_id = $1 AND prompt = 'rang' AND lineage <> ''
               AND lineage NOT LIKE 'device:%'
               AND (lineage LIKE 'address:%') = ($2::text LIKE 'address:%')
               AND created_at > $3::timestamptz - $9::interval) AS trader_rang,
           (SELECT until FROM muted_lineage
             WHERE trader_id = $1 AND lineage = $2) AS muted_until,
           (SELECT min(created_at) FROM recent
             WHERE action_type = $6 AND prompt <> 'gathered'
               AND created_at > $3::timestamptz - $10::interval) AS burst_began_at
      FROM asked
"""

_BURST = f"""
    SELECT {COLUMNS} FROM approval
     WHERE trader_id = $1 AND lineage = $2 AND state = 'pending' AND expires_at > $5
       AND created_at > $5::timestamptz - $6::interval
       AND (action_type = $3 OR (action_type = 'trade.batch' AND intent = $4))
     ORDER BY approval_id
"""

_SUPERSEDE = """
    UPDATE approval SET state = 'superseded', decided_at = $3
     WHERE trader_id = $1 AND approval_id = ANY ($2) AND state = 'pending'
    RETURNING approval_id
"""

# The WHERE clause restates the rule, and the key makes it once: of two who carry out the same leaf
# only one finds this row new.
_CONSUME_LEAF = """
    INSERT INTO batch_leaf (trader_id, approval_id, leaf_no, consumed_at)
    SELECT trader_id, approval_id, $3, $4 FROM approval
     WHERE trader_id = $1 AND approval_id = $2 AND state = 'approved' AND expires_at > $4
    ON CONFLICT DO NOTHING
    RETURNING leaf_no
"""


_MUTE = """
    INSERT INTO muted_lineage AS m (trader_id, lineage, approval_id, until)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (trader_id, lineage) DO UPDATE
       SET approval_id = excluded.approval_id, until = greatest(m.until, excluded.until)
"""

_TAKE_BACK = """
    UPDATE approval SET state = 'cancelled', decided_at = coalesce(decided_at, $4)
     WHERE trader_id = $1 AND lineage = $2 AND approval_id <> $3
       AND state IN ('pending', 'approved') AND expires_at > $4
    RETURNING approval_id
"""


async def standing(
    tx: Tx,
    trader_id: UUID,
    *,
    lineage: str,
    requester: str | None,
    intent: str,
    action_type: str,
    now: datetime,
) -> Standing:
    """Count. `requester` None counts the lineage as one requester."""
    row = await tx.fetchrow(
        _STANDING,
        trader_id,
        lineage,
        now,
        requester,
        intent,
        action_type,
        governing.REQUESTER_WINDOW,
        governing.STRIKE_WINDOW,
        governing.TRADER_WINDOW,
        governing.BURST_WINDOW,
    )
    return msgspec.convert(dict(row or {}), Standing)


async def burst(
    tx: Tx, trader_id: UUID, *, lineage: str, action_type: str, now: datetime
) -> list[Approval]:
    """What this lineage asked of one type within the burst and is open: single, or in a batch."""
    rows = await tx.fetch(
        _BURST,
        trader_id,
        lineage,
        action_type,
        f"batch|{action_type}",
        now,
        governing.BURST_WINDOW,
    )
    return [msgspec.convert(dict(row), Approval) for row in rows]


async def supersede(
    tx: Tx, trader_id: UUID, approval_ids: Sequence[UUID], now: datetime
) -> list[UUID]:
    """End pending approvals in favour of another; those that were not pending are left out."""
    rows = await tx.fetch(_SUPERSEDE, trader_id, list(approval_ids), now)
    return [row["approval_id"] for row in rows]


async def consume_leaf(
    tx: Tx, trader_id: UUID, approval_id: UUID, leaf_no: int, now: datetime
) -> bool:
    """Use up one action of an approved, unexpired batch; False if somebody else did."""
    used = await tx.fetchval(_CONSUME_LEAF, trader_id, approval_id, leaf_no, now)
    return used is not None


async def leaves_used(tx: Tx, trader_id: UUID, approval_id: UUID) -> int:
    used: int = await tx.fetchval(
        "SELECT count(*) FROM batch_leaf WHERE trader_id = $1 AND approval_id = $2",
        trader_id,
        approval_id,
    )
    return used


async def mute(tx: Tx, approval: Approval, lineage: str, until: datetime) -> None:
    """Let nothing more be asked by a lineage for a while; `approval` is why."""
    await tx.execute(_MUTE, approval.trader_id, lineage, approval.approval_id, until)


async def take_back(tx: Tx, approval: Approval, lineage: str, now: datetime) -> list[UUID]:
    """Cancel what else a lineage asked and nobody carried out yet; returns which."""
    rows = await tx.fetch(_TAKE_BACK, approval.trader_id, lineage, approval.approval_id, now)
    return [row["approval_id"] for row in rows]
