"""`end_re_enrolment` before its time: an old device says no, or the new one withdraws."""

from datetime import timedelta

from app.accesslog.models import Event
from app.core.clock import Clock
from app.core.jose import Jwk
from app.db.pool import Database, Tx
from app.deciding.errors import DeviceRejected
from app.deciding.witness import Witness
from app.enrolment.re_enrolments import ReEnrolments, check_end_statement, database_now, log_step
from app.outbox.models import Topic
from app.recovery import rules, store
from app.recovery.errors import (
    VetoRefused,
)
from app.recovery.models import (
    ReEnrolment,
    ReEnrolmentState,
)
from app.verbs.wire import (
    EndedReEnrolment,
    EndReEnrolment,
)


class Vetoing:
    def __init__(self, db: Database, rows: ReEnrolments, witness: Witness, clock: Clock) -> None:
        self._db = db
        self._rows = rows
        self._witness = witness
        self._clock = clock

    async def end(self, request: EndReEnrolment) -> EndedReEnrolment:
        """Veto with an old device's key, or cancel with the new one's.

        Raises
        ------
        ReEnrolmentNotFound, ReEnrolmentOver
            There is none, or it has ended.
        VetoRefused
            The device is not of this root, or was reported lost.
        SignatureRejected, StatementRejected, DeviceRejected, EvidenceForged
            It is not that key's word, or the row is not as the signer wrote it.
        """
        # (1) The row, and whose word this takes. Its token may be dead: break-glass killed it.
        async with self._db.session() as tx:
            asked = await self._rows.believed(tx, request.trader_id, request.re_enrolment_id)
            key = await self._vetoing_key(tx, request, asked) if request.act == "veto" else None
        check_end_statement(request, key or asked.key(), self._clock.now())
        # (2) Under the lock it still waits, and the device was not reported lost meanwhile.
        async with self._db.locked(request.trader_id) as tx:
            waiting = await self._rows.believed(tx, request.trader_id, request.re_enrolment_id)
            now = await database_now(tx)
            rules.check_waiting(waiting, now=now)
            state, by = ReEnrolmentState.CANCELLED, None
            if request.act == "veto":
                await self._vetoing_key(tx, request, waiting)
                state, by = ReEnrolmentState.VETOED, request.device_id
            await self._rows.write_end(tx, waiting, state, now=now, by=by)
            await log_step(tx, waiting, Event.RE_ENROLMENT_ENDED, request.origin, rule=state)
            await store.ring_every_device(
                tx, waiting.trader_id, Topic.SECURITY, waiting.re_enrolment_id,
                now + timedelta(hours=24),
            )  # fmt: skip
        return EndedReEnrolment(state=state)

    async def _vetoing_key(self, tx: Tx, request: EndReEnrolment, asked: ReEnrolment) -> Jwk:
        if request.device_id is None:
            raise VetoRefused
        try:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
        except DeviceRejected:
            raise VetoRefused from None
        if device.root_id != asked.root_id:
            raise VetoRefused
        if await store.is_lost(tx, request.trader_id, device.device_id):
            raise VetoRefused(rule="reported_lost")
        return device.key()
