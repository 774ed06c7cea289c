"""Not me, and lost: what is cut because a person no longer calls it theirs, told in one commit."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.clock import Clock
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.revocation import incident_store as store
from app.revocation.errors import DeviceNotFound, OwnDevice
from app.revocation.held import once_more
from app.revocation.models import Incident, IncidentKind, Receipt
from app.revocation.service import cut
from app.sessions import store as sessions
from app.sessions.errors import SessionNotFound
from app.sessions.models import ATTEMPT_LIFE
from app.tokens import store as tokens
from app.tokens.errors import TokenRejected
from app.tokens.models import Level

_EVENTS: dict[IncidentKind, Event] = {
    "session_disowned": Event.SESSION_DISOWNED,
    "device_lost": Event.DEVICE_LOST,
}


class Reported(NamedTuple):
    """The incident; the receipt is missing where there was nothing to cut yet."""

    incident: Incident
    receipt: Receipt | None


class _Report(NamedTuple):
    kind: IncidentKind
    trader_id: UUID
    subject_id: UUID
    since: datetime
    device_id: UUID
    origin: Origin


class IncidentService:
    """`db` is the reserved role's, as for any other revoke."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def disown_session(
        self, trader_id: UUID, session_id: UUID, *, device_id: UUID, origin: Origin
    ) -> Reported:
        """Revoke a session and what it made; a sign-in still under way ends and becomes none.

        Raises
        ------
        SessionNotFound
            No such sign-in of this trader.
        """
        since = await once_more(
            self._db.session, lambda tx: store.session_began_at(tx, trader_id, session_id)
        )
        if since is None:
            raise SessionNotFound
        report = _Report("session_disowned", trader_id, session_id, since, device_id, origin)
        async with self._db.transaction() as tx:
            if await tokens.get(tx, trader_id, session_id) is not None:
                return await _cut(tx, report)
        # No token yet: whether it gets one is decided under the lock, here or in the sign-in.
        async with self._db.locked(trader_id) as tx:
            if await tokens.get(tx, trader_id, session_id) is not None:
                return await _cut(tx, report)
            await sessions.set_state(tx, trader_id, session_id, "denied")
            incident = await _open(tx, report, None)
            expires_at = self._clock.now() + ATTEMPT_LIFE
            await outbox.ring(tx, trader_id, Topic.SECURITY, incident.incident_id, expires_at)
            return Reported(incident, None)

    async def lose_device(
        self, trader_id: UUID, lost_id: UUID, *, device_id: UUID, origin: Origin
    ) -> Reported:
        """Revoke another device's token and what it made, and mark it as lost.

        Raises
        ------
        DeviceNotFound
            No such device of this trader.
        OwnDevice
            The device that reports is the one that is lost.
        TokenRejected
            The device that reports was itself cut off in the meantime.
        """
        if lost_id == device_id:
            raise OwnDevice
        since = await once_more(
            self._db.session, lambda tx: store.device_bound_at(tx, trader_id, lost_id)
        )
        if since is None:
            raise DeviceNotFound
        report = _Report("device_lost", trader_id, lost_id, since, device_id, origin)
        async with self._db.transaction() as tx:
            reported = await _cut(tx, report)
            # The lock is held now. Of two that report each other, one is left.
            reporter = await tokens.get(tx, trader_id, device_id)
            if (
                reporter is None
                or await tokens.effective_level(tx, trader_id, reporter.path) is Level.REVOKED
            ):
                raise TokenRejected
            await store.add_lost_device(tx, trader_id, lost_id, device_id)
        return reported


async def _cut(tx: Tx, report: _Report) -> Reported:
    # The revoke rings every phone, so the incident rings none of its own.
    receipt = await cut(
        tx,
        report.trader_id,
        report.subject_id,
        reason=report.kind.replace("_", " "),
        origin=report.origin,
    )
    return Reported(await _open(tx, report, receipt), receipt)


async def _open(tx: Tx, report: _Report, receipt: Receipt | None) -> Incident:
    """Tell the log and open the incident. The trader lock is held, by the cut or the caller."""
    position = await append_locked(
        tx,
        Entry(
            trader_id=report.trader_id,
            event=_EVENTS[report.kind],
            origin=report.origin,
            token_id=report.device_id,
            subject_id=report.subject_id,
        ),
    )
    return await store.add(
        tx,
        report.trader_id,
        new_id(),
        report.kind,
        report.subject_id,
        reported_by=report.device_id,
        since=report.since,
        last_position=position,
        revocation_id=None if receipt is None else receipt.revocation_id,
    )
