"""Ask a person: the one place that makes an approval and rings for it."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from app.approvals import needs, store
from app.approvals.actions import Action, action_bytes, type_of
from app.approvals.models import DEFAULT_LIFE, Approval, ApprovalState
from app.core.canonical import sha256
from app.core.ids import new_id
from app.db.pool import Tx
from app.guardrails.strength import Strength
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.policies import store as policies


async def ask(
    tx: Tx,
    action: Action,
    *,
    requester: str,
    subject_id: UUID,
    now: datetime,
    life: timedelta = DEFAULT_LIFE,
    address: str | None = None,
    strength: Strength | None = None,
    topic: Topic = Topic.APPROVAL,
) -> Approval:
    """Store a pending approval of `action` and queue its doorbells.

    The caller holds the trader lock and writes the log entry, in the same transaction. `subject_id`
    is the credential, grant, order, node or session meant; `address` is where the request came
    from. The policy says how strong the approval must be, and `strength` can only raise it.

    Raises
    ------
    PolicyDenies
        The trader's policy does not let it happen as things are.
    """
    raw, action_type = action_bytes(action), type_of(action)
    standing = await policies.standing(tx, action.trader_id, None, action_type, now)
    moment = needs.Moment(asked_from=address, asked_at=now, now=now)
    needed = await needs.strength_needed(tx, standing, action.trader_id, action_type, raw, moment)
    if strength is not None:
        needed = max(needed, strength)
    approval = Approval(
        trader_id=action.trader_id,
        approval_id=new_id(),
        requester=requester,
        action_type=action_type,
        action=raw,
        digest=sha256(raw),
        nonce=secrets.token_bytes(32),
        required_strength=needed.value,
        subject_id=subject_id,
        state=ApprovalState.PENDING,
        created_at=now,
        expires_at=now + life,
        decided_at=None,
        consumed_at=None,
        asked_from=address,
    )
    await store.insert(tx, approval)
    await outbox.ring(tx, approval.trader_id, topic, approval.approval_id, approval.expires_at)
    return approval
