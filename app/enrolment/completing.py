"""The end of the waiting: the old root is revoked, then the new one is made, in one commit."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core import token
from app.core.clock import Clock
from app.core.encoding import lp
from app.core.ids import new_id
from app.core.jose import jwk_thumbprint
from app.core.secret import Secret
from app.db.pool import Database, Tx
from app.devices import store as devices
from app.devices.models import Device
from app.enrolment.passkey_return import PasskeyReturn
from app.enrolment.re_enrolments import (
    ReEnrolments,
    agreed_now,
    check_end_statement,
    log_step,
)
from app.enrolment.roots import NewPhone, answer, make_root
from app.guardrails.errors import RungForbids
from app.otp import store as otp
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.policies import store as policies
from app.policies.current import current
from app.recovery import rules, store
from app.recovery.errors import ReEnrolmentNotFound, ReEnrolmentOver
from app.recovery.models import ReEnrolment, ReEnrolmentState
from app.tokens import store as tokens
from app.tokens.models import Level
from app.traders import store as traders
from app.vault.bootstrap import Bootstrap
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.verbs.wire import EndedReEnrolment, EndReEnrolment, PushTarget


class Completing:
    def __init__(
        self,
        db: Database,
        rows: ReEnrolments,
        evidence: Evidence,
        passkeys: PasskeyReturn,
        bootstrap: Bootstrap,
        identity: Identity,
        clock: Clock,
    ) -> None:
        self._db = db
        self._rows = rows
        self._evidence = evidence
        self._passkeys = passkeys
        self._bootstrap = bootstrap
        self._identity = identity
        self._clock = clock

    async def complete(self, request: EndReEnrolment) -> EndedReEnrolment:
        """Make the new root and its first device; the same key gets the same answer again.

        Raises
        ------
        ReEnrolmentNotFound, ReEnrolmentOver, WaitingTimeNotOver
            There is none, it ended otherwise, or it is too early.
        RungForbids
            An operator contains the old root: that is not shed by making another.
        SignatureRejected, StatementRejected, EvidenceForged, ClockDoubt
            It is not the new key's word, or something here cannot be believed.
        """
        # (1) The new key asks for this, now.
        async with self._db.session() as tx:
            asked = await self._rows.believed(tx, request.trader_id, request.re_enrolment_id)
        check_end_statement(request, asked.key(), self._clock.now())
        jkt = jwk_thumbprint(asked.key())
        # (2) As at enrolment, the token's secret can be told again.
        secret = await self._bootstrap.secret_for(
            lp(b"tripcord/re-enrolled-device-token/v1", asked.trader_id.bytes,
               asked.re_enrolment_id.bytes, jkt.encode())
        )  # fmt: skip
        async with self._db.locked(request.trader_id) as tx:
            waiting = await self._rows.believed(tx, request.trader_id, request.re_enrolment_id)
            if waiting.state is ReEnrolmentState.COMPLETED:
                return await self._answer_again(tx, waiting, secret)
            return await self._complete(tx, request, waiting, jkt, secret)

    async def _complete(
        self, tx: Tx, request: EndReEnrolment, waiting: ReEnrolment, jkt: str, secret: Secret
    ) -> EndedReEnrolment:
        # (3) It is time, by both clocks, and the root is still the one it was begun for.
        now = await agreed_now(tx, self._clock)
        rules.check_may_complete(waiting, now=now)
        trader = await traders.get(tx, request.trader_id)
        if trader is None or trader.root_id != waiting.root_id:
            raise ReEnrolmentOver(rule="another_root")
        if await tokens.operators_level(tx, request.trader_id, waiting.root_id) > Level.ACTIVE:
            raise RungForbids(rule="operator", node=str(waiting.root_id))
        # (4) The old root first: at no moment are there two.
        receipt = await self._revoke_root(tx, request, waiting)
        push = waiting.push_kind and PushTarget(
            provider="fcm", kind=waiting.push_kind, registration=waiting.push_registration or ""
        )
        phone = NewPhone(
            trader_id=waiting.trader_id,
            public_jwk=waiting.public_jwk,
            jkt=jkt,
            name=waiting.name,
            push=push,
        )
        device = await make_root(tx, self._evidence, phone, secret.reveal(), now=now)
        await self._carry_policy(tx, request, waiting.root_id, device, now)
        # (5) Factors are no tokens and survive, unless it was said that these are gone too. What it
        # was begun with is not gone.
        if not waiting.authenticator_lost:
            await self._carry_over(tx, request, waiting.root_id, device)
        for passkey in await self._passkeys.carry_over(tx, waiting, device):
            await self._log_carried(tx, request, device, passkey.factor_id)
        # (6) End it, log it, tell everybody.
        await self._rows.write_end(
            tx, waiting, ReEnrolmentState.COMPLETED, now=now, by=device.device_id
        )
        position = await log_step(
            tx, waiting, Event.RE_ENROLMENT_ENDED, request.origin,
            rule=ReEnrolmentState.COMPLETED, token_id=device.device_id,
        )  # fmt: skip
        await outbox.tell_platform(
            tx, waiting.trader_id, event="credential-change", fact="re_enrolled_device",
            fact_id=device.device_id, position=position,
        )  # fmt: skip
        await store.ring_every_device(
            tx, waiting.trader_id, Topic.SECURITY, waiting.re_enrolment_id, waiting.expires_at
        )
        return EndedReEnrolment(
            state=ReEnrolmentState.COMPLETED,
            device=answer(self._identity, device, secret.reveal()),
            receipt=receipt,
        )

    async def _revoke_root(
        self, tx: Tx, request: EndReEnrolment, waiting: ReEnrolment
    ) -> str | None:
        """Revoke the old root if it lives; the receipt's capability goes to the new device."""
        level = await tokens.effective_level(tx, request.trader_id, [waiting.root_id])
        if level is Level.REVOKED:
            return None
        capability = token.mint(token.TokenKind.RECEIPT, request.trader_id, new_id())
        await store.revoke_old_root(
            tx,
            waiting,
            request.origin,
            revocation_id=capability.token_id,
            receipt_hash=capability.secret_hash(),
        )
        return capability.reveal()

    async def _carry_policy(
        self, tx: Tx, request: EndReEnrolment, old_root: UUID, device: Device, now: datetime
    ) -> None:
        """What is in force holds under the new root (P7); what waited to loosen it does not."""
        rows = await policies.since(tx, device.trader_id, old_root, now)
        await self._evidence.verify([(row.evidence(), row.mac) for row in rows])
        old = current(rows, now).row
        if old is None:
            return
        carried = msgspec.structs.replace(
            old,
            root_id=device.root_id,
            version=1,
            change="tightened",
            device_id=device.device_id,
            statement=request.statement,
            approval_id=None,
            sealed_at=now,
            effective_at=now,
            mac=b"",
        )
        (mac,) = await self._evidence.seal([carried.evidence()])
        await policies.insert(tx, msgspec.structs.replace(carried, mac=mac))

    async def _carry_over(
        self, tx: Tx, request: EndReEnrolment, old_root: UUID, device: Device
    ) -> None:
        for factor in await otp.list_all(tx, device.trader_id):
            if factor.root_id != old_root or factor.removed_at is not None:
                continue
            await self._evidence.verify([(factor.evidence(), factor.mac)])
            carried = msgspec.structs.replace(
                factor, root_id=device.root_id, version=factor.version + 1
            )
            (mac,) = await self._evidence.seal([carried.evidence()])
            if not await otp.carry_over(tx, msgspec.structs.replace(carried, mac=mac)):
                raise ReEnrolmentOver(rule="factor_changed")
            await self._log_carried(tx, request, device, factor.factor_id)

    async def _log_carried(
        self, tx: Tx, request: EndReEnrolment, device: Device, factor_id: UUID
    ) -> None:
        await append_locked(
            tx,
            Entry(
                trader_id=device.trader_id,
                event=Event.FACTOR_CARRIED_OVER,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=factor_id,
            ),
        )

    async def _answer_again(self, tx: Tx, done: ReEnrolment, secret: Secret) -> EndedReEnrolment:
        device = await devices.get(tx, done.trader_id, done.ended_by) if done.ended_by else None
        if device is None:
            raise ReEnrolmentNotFound
        return EndedReEnrolment(
            state=ReEnrolmentState.COMPLETED,
            device=answer(self._identity, device, secret.reveal()),
        )
