"""Ask a person: the one place that makes an approval and rings for it."""

import json
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import needs, standings, store
from app.approvals.actions import Action, BotGrant, TradeOrder, action_bytes, type_of
from app.approvals.batching import batch_of
from app.approvals.errors import ActionMismatch, PromptOpen
from app.approvals.governing import BURST_WINDOW, Standing, Who, govern, rings, who
from app.approvals.models import DEFAULT_LIFE, Approval, ApprovalState
from app.approvals.other_actions import BATCH, ExternalAction, KeyRotate
from app.core.canonical import sha256
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Tx
from app.guardrails.strength import Strength
from app.orders import store as orders
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
    lineage: str | None = None,
) -> Approval:
    """Store a pending approval of `action` and queue its doorbells, as far as the governor lets it.

    The caller holds the trader lock and writes the log entry, in the same transaction. `subject_id`
    is the credential, grant, order, node or session meant; `address` is where the request came
    from. The policy says how strong the approval must be, and `strength` can only raise it.
    `lineage` is who answers for the requester where that is somebody else: the grant at the top of
    a bot's branch, the address a sign-in comes from. What comes back may be the batch that the
    action was put into.

    Raises
    ------
    PolicyDenies
        The trader's policy does not let it happen as things are.
    RequesterMuted, CoolingDown, PromptOpen, PromptsExhausted
        The governor: not now. Nothing was written.
    """
    raw, action_type = action_bytes(action), type_of(action)
    policy = await policies.standing(tx, action.trader_id, None, action_type, now)
    moment = needs.Moment(asked_from=address, asked_at=now, now=now)
    needed = await needs.strength_needed(tx, policy, action.trader_id, action_type, raw, moment)
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
        lineage=lineage or requester,
        intent=intent_of(action),
        asked_from=address,
    )
    standing = await standings.standing(
        tx,
        approval.trader_id,
        lineage=approval.lineage,
        requester=None if who(requester) is Who.SIGN_IN else requester,
        intent=approval.intent,
        action_type=action_type,
        now=now,
    )
    prompt = govern(standing, requester, action_type, now)
    if prompt == "gathered":
        return await _gather(tx, approval, standing)
    approval = msgspec.structs.replace(approval, prompt=prompt)
    await _store(tx, approval, topic)
    return approval


def intent_of(action: Action) -> str:
    """The cool-down key: type, venue, market, side (DESIGN section 6), where it has them."""
    venue = market = side = None
    match action:
        case TradeOrder():
            venue, market, side = action.venue, action.order["market"], action.order["side"]
        case BotGrant() | KeyRotate():
            venue = action.venue
        case ExternalAction():
            venue, market, side = action.venue, action.market, action.side
        case _:
            pass
    return json.dumps([type_of(action), venue, market, side])


async def _store(tx: Tx, approval: Approval, topic: Topic = Topic.APPROVAL) -> None:
    await store.insert(tx, approval)
    if approval.prompt == "rang":
        await outbox.ring(tx, approval.trader_id, topic, approval.approval_id, approval.expires_at)


async def _gather(tx: Tx, approval: Approval, standing: Standing) -> Approval:
    """List it without a doorbell, or ask for the whole burst at once."""
    open_now = await standings.burst(
        tx,
        approval.trader_id,
        lineage=approval.lineage,
        action_type=approval.action_type,
        now=approval.created_at,
    )
    try:
        action = batch_of(open_now, approval)
    except ActionMismatch:
        raise PromptOpen(retry_after_seconds=int(BURST_WINDOW.total_seconds())) from None
    if action is None:
        waiting = msgspec.structs.replace(approval, prompt="gathered")
        await _store(tx, waiting)
        return waiting
    raw = action_bytes(action)
    batch = msgspec.structs.replace(
        approval,
        approval_id=new_id(),
        requester=approval.lineage,
        action_type=type_of(action),
        action=raw,
        digest=sha256(raw),
        required_strength=max(
            Strength(one.required_strength) for one in (*open_now, approval)
        ).value,
        intent=f"batch|{approval.action_type}",
        # The phone was rung for the batch that this one replaces, and finds this one in its list.
        prompt="rang"
        if rings(standing) and not any(one.action_type == BATCH for one in open_now)
        else "silent",
    )
    await _store(tx, batch)
    replaced = [one.approval_id for one in open_now]
    ended = await standings.supersede(tx, batch.trader_id, replaced, batch.created_at)
    await orders.point_at(tx, batch.trader_id, ended, batch.approval_id)
    await append_locked(
        tx,
        Entry(
            trader_id=batch.trader_id,
            event=Event.APPROVALS_BATCHED,
            origin=Origin(actor="signer"),
            subject_id=batch.approval_id,
            rule=f"{approval.action_type}:{action.count}",
            request_digest=batch.digest,
        ),
    )
    return batch
