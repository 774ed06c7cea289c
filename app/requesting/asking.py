"""Ask the trader for something about a node of the tree, and log that it was asked."""

from datetime import datetime
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import asking
from app.approvals.actions import Action
from app.approvals.models import LONGEST_LIFE
from app.core.origin import Origin
from app.db.pool import Tx
from app.tokens.models import Node


async def ask(
    tx: Tx,
    action: Action,
    *,
    node: Node,
    event: Event,
    origin: Origin,
    now: datetime,
    lineage: str | None = None,
) -> UUID:
    """Ask the trader for `action` about `node`; returns the approval's id.

    The caller holds the trader lock. Approval, log entry and doorbells are in its commit.

    Raises
    ------
    PolicyDenies
        As `approvals.asking.ask`.
    """
    approval = await asking.ask(
        tx,
        action,
        requester=origin.actor,
        subject_id=node.token_id,
        now=now,
        life=LONGEST_LIFE,
        lineage=lineage,
        address=origin.address,
    )
    await append_locked(
        tx,
        Entry(
            trader_id=action.trader_id,
            event=event,
            origin=origin,
            token_id=node.token_id,
            path=node.path,
            subject_id=approval.approval_id,
            rule=None if event is Event.GRANT_REQUESTED else approval.action_type,
            request_digest=approval.digest,
        ),
    )
    return approval.approval_id
