"""Store an approval and ring the phones about it."""

import secrets
from datetime import datetime
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import Action, action_bytes
from app.approvals.models import LONGEST_LIFE, Approval, ApprovalState
from app.core.canonical import sha256
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Tx
from app.guardrails.presets import NORMAL, required_strength
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.tokens.models import Node


async def ask(
    tx: Tx,
    action: Action,
    *,
    action_type: str,
    node: Node,
    event: Event,
    origin: Origin,
    now: datetime,
) -> UUID:
    """Ask the trader for `action` about `node`; returns the approval's id.

    The caller holds the trader lock. Approval, log entry and doorbells are in its commit.
    """
    raw = action_bytes(action)
    approval = Approval(
        trader_id=action.trader_id,
        approval_id=new_id(),
        requester=origin.actor,
        action_type=action_type,
        action=raw,
        digest=sha256(raw),
        nonce=secrets.token_bytes(32),
        required_strength=required_strength(NORMAL, action_type).value,
        subject_id=node.token_id,
        state=ApprovalState.PENDING,
        created_at=now,
        expires_at=now + LONGEST_LIFE,
        decided_at=None,
        consumed_at=None,
    )
    await approvals.insert(tx, approval)
    await append_locked(
        tx,
        Entry(
            trader_id=action.trader_id,
            event=event,
            origin=origin,
            token_id=node.token_id,
            path=node.path,
            subject_id=approval.approval_id,
            rule=None if event is Event.GRANT_REQUESTED else action_type,
            request_digest=approval.digest,
        ),
    )
    await outbox.ring(
        tx, action.trader_id, Topic.APPROVAL, approval.approval_id, approval.expires_at
    )
    return approval.approval_id
