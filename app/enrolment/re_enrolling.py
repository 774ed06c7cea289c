"""`begin_re_enrolment`: the first step to a new root, for a trader who lost every device.

t0 a recovery code, or a passkey, signs for a new device's key: the row, its log entry and a
doorbell for every old device are one commit. From t0 to t0 + 24 h any of those devices may end it
(`vetoing`). Then, and for
seven days, the new key may complete it (`completing`). All of it stands under the trader lock, so
of a veto and a completion that meet, exactly one happened.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app.accesslog.models import Event
from app.core.canonical import canonical_json
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.ids import new_id
from app.core.jose import Jwk, SignatureRejected, jwk_thumbprint, public_jwk
from app.core.statements import ReEnrol, ReEnrolByPasskey, verify
from app.db.pool import Database, Tx
from app.deciding.errors import StatementRejected
from app.deciding.passkeys import PasskeyProof
from app.deciding.witness import check_fresh
from app.devices import store as devices
from app.enrolment.passkey_return import PasskeyReturn
from app.enrolment.re_enrolments import ReEnrolments, agreed_now, log_step
from app.outbox.models import Topic
from app.recovery import store
from app.recovery.errors import (
    ReEnrolmentOpen,
    ReEnrolmentRefused,
)
from app.recovery.models import (
    COMPLETION_WINDOW,
    WAITING_TIME,
    RecoveryCode,
    ReEnrolment,
    ReEnrolmentState,
)
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.answers import BegunReEnrolment
from app.verbs.wire import BeginReEnrolment

_NOBODYS_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
"""Verified against where there is no code, so that finding none costs the same. It is the one of
RFC 8032 section 7.1, test 1; nothing it signs is accepted."""


class ReEnrolling:
    def __init__(
        self,
        db: Database,
        rows: ReEnrolments,
        evidence: Evidence,
        passkeys: PasskeyReturn,
        clock: Clock,
        waiting_time: timedelta = WAITING_TIME,
    ) -> None:
        self._db = db
        self._rows = rows
        self._evidence = evidence
        self._passkeys = passkeys
        self._clock = clock
        self._waiting_time = max(waiting_time, WAITING_TIME)

    async def begin(self, request: BeginReEnrolment) -> BegunReEnrolment:
        """Spend a recovery code or an assertion on a waiting re-enrolment; ring every old device.

        The same code and key again get the same answer while it waits.

        Raises
        ------
        KeyRejected, SignatureRejected, StatementRejected
            The new device's own word is missing, or is about something else.
        ReEnrolmentRefused
            The code or passkey does not speak for this trader (any more), or the key is known here.
        ReEnrolmentOpen
            Another one waits already.
        ClockDoubt
            Nobody is sure when the waiting would end.
        """
        # (1) The new key signed for itself, this trader, and what it comes back with.
        jwk = public_jwk(request.public_jwk, "ES256")
        signed = self._own_word(request, jwk)
        # (2) That signed for the new key. A wrong code is counted, and locks nobody out.
        if isinstance(signed, ReEnrol):
            with_what: RecoveryCode | PasskeyProof = await self._believed_code(request, signed)
        else:
            with_what = await self._passkeys.prove(request)
        # (3) Spend, seal, log and ring, or nothing.
        async with self._db.locked(request.trader_id) as tx:
            now = await agreed_now(tx, self._clock)
            trader = await traders.get(tx, request.trader_id)
            if trader is None or trader.root_id is None or trader.frozen_empty:
                raise ReEnrolmentRefused
            if isinstance(with_what, PasskeyProof):
                await self._passkeys.spend(tx, with_what, trader.root_id)
            elif with_what.set_number != await store.newest_set(tx, request.trader_id):
                raise ReEnrolmentRefused(rule="code_replaced")
            open_now = await self._open(tx, request, now)
            if open_now is not None:
                return _begun(open_now)
            waiting = self._waiting(request, jwk, signed, with_what, trader.root_id, now)
            for known in await devices.list_all(tx, request.trader_id):
                if known.public_jwk == waiting.public_jwk:
                    raise ReEnrolmentRefused(rule="key_known")
            (mac,) = await self._evidence.seal([waiting.evidence()])
            if not await store.begin(tx, msgspec.structs.replace(waiting, mac=mac)):
                raise ReEnrolmentRefused(rule="code_used")
            await log_step(tx, waiting, Event.RE_ENROLMENT_BEGUN, request.origin)
            await store.ring_every_device(
                tx, waiting.trader_id, Topic.SECURITY, waiting.re_enrolment_id, waiting.not_before
            )
        return _begun(waiting)

    def _own_word(self, request: BeginReEnrolment, jwk: Jwk) -> ReEnrol | ReEnrolByPasskey:
        by_passkey = request.assertion is not None
        if by_passkey == (request.code_statement is not None):
            raise Malformed
        signed: ReEnrol | ReEnrolByPasskey = (
            verify(request.statement, ReEnrolByPasskey, expected_key=jwk)
            if by_passkey
            else verify(request.statement, ReEnrol, expected_key=jwk)
        )
        check_fresh(signed.iat, self._clock.now())
        said = signed.code_id if isinstance(signed, ReEnrol) else signed.challenge_id
        named = request.challenge_id if by_passkey else request.code_id
        claimed = (request.trader_id, named, jwk_thumbprint(jwk), request.name)
        if (signed.trader_id, said, signed.jkt, signed.name) != claimed:
            raise StatementRejected
        return signed

    async def _believed_code(self, request: BeginReEnrolment, signed: ReEnrol) -> RecoveryCode:
        async with self._db.session() as tx:
            code = await store.get_code(tx, request.trader_id, signed.code_id)
        try:
            key = _NOBODYS_KEY if code is None else code.key()
            said = verify(request.code_statement or "", ReEnrol, expected_key=key)
        except SignatureRejected:
            said = None
        if code is not None and said == signed:
            await self._evidence.verify([(code.evidence(), code.mac)])
            return code
        async with self._db.transaction() as tx:
            await store.count_failure(tx, request.trader_id, self._clock.now())
        raise ReEnrolmentRefused

    async def _open(self, tx: Tx, request: BeginReEnrolment, now: datetime) -> ReEnrolment | None:
        """The open one if it is this very request's; an overdue one is ended on the way."""
        found = await store.get_open(tx, request.trader_id)
        if found is None:
            return None
        await self._evidence.verify([(found.evidence(), found.mac)])
        if found.state_at(now) is ReEnrolmentState.EXPIRED:
            await self._rows.write_end(tx, found, ReEnrolmentState.EXPIRED, now=now, by=None)
            await log_step(
                tx, found, Event.RE_ENROLMENT_ENDED, request.origin, rule=ReEnrolmentState.EXPIRED
            )
            return None
        # A passkey's challenge was used up, so nobody can ask the same again with one.
        same = (found.code_id, found.key()) == (request.code_id, request.public_jwk)
        if not same or found.passkey_id is not None:
            raise ReEnrolmentOpen
        return found

    def _waiting(
        self,
        request: BeginReEnrolment,
        jwk: Jwk,
        signed: ReEnrol | ReEnrolByPasskey,
        with_what: RecoveryCode | PasskeyProof,
        root_id: UUID,
        now: datetime,
    ) -> ReEnrolment:
        by_passkey = isinstance(with_what, PasskeyProof)
        not_before = now + self._waiting_time
        return ReEnrolment(
            trader_id=request.trader_id,
            re_enrolment_id=new_id(),
            root_id=root_id,
            code_id=None if by_passkey else request.code_id,
            passkey_id=with_what.factor_id if isinstance(with_what, PasskeyProof) else None,
            public_jwk=canonical_json(jwk),
            name=request.name,
            push_kind=None if request.push is None else request.push.kind,
            push_registration=None if request.push is None else request.push.registration,
            authenticator_lost=signed.authenticator_lost,
            begun_at=now,
            not_before=not_before,
            expires_at=not_before + COMPLETION_WINDOW,
            state=ReEnrolmentState.WAITING,
            ended_at=None,
            ended_by=None,
            version=1,
            mac=b"",
        )


def _begun(waiting: ReEnrolment) -> BegunReEnrolment:
    return BegunReEnrolment(
        re_enrolment_id=waiting.re_enrolment_id,
        not_before=waiting.not_before,
        expires_at=waiting.expires_at,
    )
