"""`fraud`: deny, and contain whoever asked, in the commit of the decision."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import standings
from app.approvals.governing import MUTED
from app.approvals.lineages import node_of
from app.approvals.models import Approval
from app.core.origin import Origin
from app.db.pool import Tx
from app.devices.models import Device
from app.orders import store as orders
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.tokens import fences
from app.tokens import store as tokens

_NOTICE_LIFE: Final = timedelta(hours=24)

_PLATFORM_NODES = """
    SELECT t.token_id FROM token t JOIN trader r USING (trader_id)
     WHERE t.trader_id = $1 AND r.platform_id = $2 AND t.kind = 'platform' AND t.expires_at > $3
"""


async def contain(
    tx: Tx, approval: Approval, *, device: Device, origin: Origin, now: datetime
) -> list[UUID]:
    """Freeze the requester's lineage, mute it, and take back all else that it asked.

    Returns the nodes that were frozen. A device that calls its own request a fraud only takes it
    back. What a platform asks has no node as long as the trader gave it no token: then muting is
    all there is, and enough, for it can do nothing but ask.
    """
    lineage = approval.lineage or approval.requester
    if approval.requester == f"device:{device.device_id}":
        return []
    frozen = await _nodes(tx, approval, lineage, now)
    for node_id in frozen:
        await fences.freeze_asker(
            tx,
            trader_id=approval.trader_id,
            token_id=node_id,
            approval_id=approval.approval_id,
            origin=origin,
        )
    await standings.mute(tx, approval, lineage, now + MUTED)
    for other in await standings.take_back(tx, approval, lineage, now):
        await orders.refuse_held(tx, approval.trader_id, other, "fraud")
        await append_locked(
            tx,
            Entry(
                trader_id=approval.trader_id,
                event=Event.APPROVAL_CANCELLED,
                origin=origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=other,
                rule="fraud",
            ),
        )
    # A new fence rings by itself; without one, the devices learn of it all the same.
    if not frozen:
        await outbox.ring(
            tx, approval.trader_id, Topic.SECURITY, approval.approval_id, now + _NOTICE_LIFE
        )
    return frozen


async def _nodes(tx: Tx, approval: Approval, lineage: str, now: datetime) -> list[UUID]:
    """Of a grant the top of its branch; of a platform every token; else whoever asked."""
    kind, named = node_of(lineage if lineage.startswith("grant:") else approval.requester)
    if named is None:
        return []
    if kind == "platform":
        rows = await tx.fetch(_PLATFORM_NODES, approval.trader_id, named, now)
        return [row["token_id"] for row in rows]
    node = await tokens.get(tx, approval.trader_id, named)
    return [] if node is None else [node.token_id]
