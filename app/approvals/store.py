"""SQL of the approvals room."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.approvals.models import Approval, ApprovalState, Decision
from app.db.pool import Tx

COLUMNS = (
    "trader_id, approval_id, requester, action_type, action, digest, nonce, required_strength,"
    " subject_id, state, created_at, expires_at, decided_at, consumed_at, lineage, intent, prompt,"
    " asked_from"
)

_INSERT = """
    INSERT INTO approval (trader_id, approval_id, requester, action_type, action, digest, nonce,
                          required_strength, subject_id, created_at, expires_at, lineage, intent,
                          prompt, asked_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""

_PENDING = f"""
    SELECT {COLUMNS} FROM approval
     WHERE trader_id = $1 AND state = 'pending' AND expires_at > $2 AND approval_id > $3
       AND ($5::text IS NULL OR (requester = $5 AND action_type = 'token.lift'))
     ORDER BY approval_id LIMIT $4
"""

# The WHERE clause restates the rule: two deciders can both read "pending", and only one of them
# may find it here.
_DECIDE = """
    UPDATE approval SET state = $3, decided_at = $4
     WHERE trader_id = $1 AND approval_id = $2 AND state = 'pending' AND expires_at > $4
    RETURNING approval_id
"""

_CANCEL = """
    UPDATE approval SET state = 'cancelled'
     WHERE trader_id = $1 AND approval_id = $2 AND state = 'approved'
    RETURNING approval_id
"""

# Not per trader on purpose: one sweep serves all; each is then ended under its trader's lock.
_OVERDUE = """
    SELECT trader_id, approval_id FROM approval
     WHERE state = 'pending' AND expires_at <= $1 LIMIT $2
"""

_EXPIRE = """
    UPDATE approval SET state = 'expired', decided_at = $3
     WHERE trader_id = $1 AND approval_id = $2 AND state = 'pending' AND expires_at <= $3
    RETURNING approval_id
"""

_CONSUME = """
    UPDATE approval SET state = 'consumed', consumed_at = $3
     WHERE trader_id = $1 AND approval_id = $2 AND state = 'approved' AND expires_at > $3
    RETURNING approval_id
"""

_DECIDED = """
    SELECT a.*, d.decided_at AS said_at, v.bound_at
      FROM approval a
      JOIN decision d ON d.trader_id = a.trader_id AND d.approval_id = a.approval_id
      JOIN device v ON v.trader_id = d.trader_id AND v.device_id = d.device_id
     WHERE a.trader_id = $1
     ORDER BY a.approval_id DESC LIMIT $2
"""

_DECISION = (
    "trader_id, approval_id, root_id, device_id, nonce, digest, decision, method, factor_id,"
    " statement, decided_at, version, mac"
)


async def insert(tx: Tx, approval: Approval) -> None:
    """Store a new, pending approval."""
    a = approval
    await tx.execute(
        _INSERT,
        a.trader_id,
        a.approval_id,
        a.requester,
        a.action_type,
        a.action,
        a.digest,
        a.nonce,
        a.required_strength,
        a.subject_id,
        a.created_at,
        a.expires_at,
        a.lineage,
        a.intent,
        a.prompt,
        a.asked_from,
    )


async def get(tx: Tx, trader_id: UUID, approval_id: UUID) -> Approval | None:
    row = await tx.fetchrow(
        f"SELECT {COLUMNS} FROM approval WHERE trader_id = $1 AND approval_id = $2",
        trader_id,
        approval_id,
    )
    return None if row is None else msgspec.convert(dict(row), Approval)


async def list_pending(
    tx: Tx,
    trader_id: UUID,
    now: datetime,
    *,
    after: UUID,
    limit: int,
    lifts_of: str | None = None,
) -> list[Approval]:
    """Pending approvals by id; with `lifts_of` only the lifts that this requester asked for."""
    rows = await tx.fetch(_PENDING, trader_id, now, after, limit, lifts_of)
    return [msgspec.convert(dict(row), Approval) for row in rows]


async def decide(
    tx: Tx, trader_id: UUID, approval_id: UUID, state: ApprovalState, now: datetime
) -> bool:
    """Move a pending, unexpired approval to `state`; False if it no longer is one."""
    return await tx.fetchval(_DECIDE, trader_id, approval_id, state, now) is not None


async def cancel(tx: Tx, trader_id: UUID, approval_id: UUID) -> bool:
    """Take back an approval that was not carried out yet; False if it was, or never was one."""
    return await tx.fetchval(_CANCEL, trader_id, approval_id) is not None


async def cancel_asked(tx: Tx, approval: Approval, now: datetime) -> bool:
    """Take back, for its requester, what nobody has decided; False if somebody has."""
    taken: bool = await tx.fetchval(
        "SELECT cancel_asked($1, $2, $3, $4)",
        approval.trader_id,
        approval.approval_id,
        approval.requester,
        now,
    )
    return taken


async def overdue(tx: Tx, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(trader, approval) of what nobody decided in time."""
    rows = await tx.fetch(_OVERDUE, now, limit)
    return [(row["trader_id"], row["approval_id"]) for row in rows]


async def expire(tx: Tx, trader_id: UUID, approval_id: UUID, now: datetime) -> bool:
    """Write down that the time of a pending approval is over; False if it is something else."""
    return await tx.fetchval(_EXPIRE, trader_id, approval_id, now) is not None


async def consume(tx: Tx, trader_id: UUID, approval_id: UUID, now: datetime) -> bool:
    """Use up an approved, unexpired approval; False if somebody else did."""
    return await tx.fetchval(_CONSUME, trader_id, approval_id, now) is not None


async def insert_decision(tx: Tx, decision: Decision) -> None:
    await tx.execute(
        f"INSERT INTO decision ({_DECISION}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",
        *msgspec.structs.astuple(decision),
    )


async def get_decision(tx: Tx, trader_id: UUID, approval_id: UUID) -> Decision | None:
    row = await tx.fetchrow(
        f"SELECT {_DECISION} FROM decision WHERE trader_id = $1 AND approval_id = $2",
        trader_id,
        approval_id,
    )
    return None if row is None else msgspec.convert(dict(row), Decision)


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """An approval that somebody decided; `bound_at` is of the device that did."""

    approval: Approval
    decided_at: datetime
    bound_at: datetime


async def decided(tx: Tx, trader_id: UUID, limit: int) -> list[Decided]:
    """The newest approvals with a decision, the newest first."""
    rows = await tx.fetch(_DECIDED, trader_id, limit)
    return [
        Decided(
            approval=msgspec.convert(
                {name: row[name] for name in Approval.__struct_fields__}, Approval
            ),
            decided_at=row["said_at"],
            bound_at=row["bound_at"],
        )
        for row in rows
    ]
