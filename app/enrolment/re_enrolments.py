"""What the steps of a re-enrolment have in common: the believed row, its end, the time, the log."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.clock import Clock
from app.core.jose import Jwk
from app.core.origin import Origin
from app.core.statements import EndReEnrolment as SignedEnd
from app.core.statements import verify
from app.db.pool import Tx
from app.deciding.errors import ClockDoubt, StatementRejected
from app.deciding.witness import check_fresh
from app.recovery import store
from app.recovery.errors import (
    ReEnrolmentNotFound,
)
from app.recovery.models import (
    ReEnrolment,
    ReEnrolmentState,
)
from app.vault.evidence import Evidence
from app.verbs.wire import (
    EndReEnrolment,
)

CLOCK_TOLERANCE = timedelta(seconds=2)
"""Clocks of node and database apart by more: refuse (DESIGN section 10)."""


class ReEnrolments:
    """Rows as the signer wrote them."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    async def believed(self, tx: Tx, trader_id: UUID, re_enrolment_id: UUID) -> ReEnrolment:
        """The row, as the signer wrote it."""
        found = await store.get(tx, trader_id, re_enrolment_id)
        if found is None:
            raise ReEnrolmentNotFound
        await self._evidence.verify([(found.evidence(), found.mac)])
        return found

    async def write_end(
        self,
        tx: Tx,
        waiting: ReEnrolment,
        state: ReEnrolmentState,
        *,
        now: datetime,
        by: UUID | None,
    ) -> None:
        """The row's last version. The caller holds the lock and has checked that it waits."""
        ended = msgspec.structs.replace(
            waiting, state=state, ended_at=now, ended_by=by, version=waiting.version + 1
        )
        (mac,) = await self._evidence.seal([ended.evidence()])
        if not await store.end(tx, msgspec.structs.replace(ended, mac=mac)):
            raise ReEnrolmentNotFound


def check_end_statement(request: EndReEnrolment, key: Jwk, now: datetime) -> None:
    """Raise unless `key` signed for this act on this re-enrolment, lately."""
    signed = verify(request.statement, SignedEnd, expected_key=key)
    check_fresh(signed.iat, now)
    claimed = (request.trader_id, request.re_enrolment_id, request.act)
    if (signed.trader_id, signed.re_enrolment_id, signed.act) != claimed:
        raise StatementRejected


async def database_now(tx: Tx) -> datetime:
    now: datetime = await tx.fetchval("SELECT clock_timestamp()")
    return now


async def agreed_now(tx: Tx, clock: Clock) -> datetime:
    """The database's time, where this node's agrees: a day must not pass by setting one clock."""
    now = await database_now(tx)
    if abs(now - clock.now()) > CLOCK_TOLERANCE:
        raise ClockDoubt
    return now


async def log_step(
    tx: Tx,
    re_enrolment: ReEnrolment,
    event: Event,
    origin: Origin,
    *,
    rule: str | None = None,
    token_id: UUID | None = None,
) -> int:
    return await append_locked(
        tx,
        Entry(
            trader_id=re_enrolment.trader_id,
            event=event,
            origin=origin,
            token_id=token_id or re_enrolment.root_id,
            path=[re_enrolment.root_id],
            subject_id=re_enrolment.re_enrolment_id,
            rule=rule,
        ),
    )
