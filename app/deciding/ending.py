"""End an approval because what was typed is wrong: a no that nobody had to say."""

from datetime import datetime, timedelta

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store
from app.approvals.errors import ApprovalNotPending
from app.approvals.models import Approval, ApprovalState
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Tx
from app.devices.models import Device
from app.orders import store as orders
from app.outbox import store as outbox
from app.outbox.models import Topic

TOLD_FOR = timedelta(hours=24)


async def end_wrong(
    tx: Tx, approval: Approval, device: Device, *, rule: str, origin: Origin, now: datetime
) -> None:
    """Deny a pending approval, log why, and tell the devices. The caller holds the trader lock.

    Raises
    ------
    ApprovalNotPending
        It is not open any more.
    """
    trader_id, approval_id = approval.trader_id, approval.approval_id
    if not await store.decide(tx, trader_id, approval_id, ApprovalState.DENIED, now):
        raise ApprovalNotPending
    await orders.refuse_held(tx, trader_id, approval_id, ApprovalState.DENIED)
    await append_locked(
        tx,
        Entry(
            trader_id=trader_id,
            event=Event.APPROVAL_DECIDED,
            origin=origin,
            token_id=device.device_id,
            path=[device.root_id, device.device_id],
            subject_id=approval_id,
            outcome="refused",
            rule=rule,
            request_digest=approval.digest,
        ),
    )
    await outbox.ring(tx, trader_id, Topic.SECURITY, new_id(), now + TOLD_FOR)
