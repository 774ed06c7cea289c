"""`bind_recovery_codes`: ten keys a device made, whose seeds are on paper and nowhere else."""

from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.actions import NewRecoveryCodes
from app.approvals.asking import ask
from app.approvals.models import LONGEST_LIFE
from app.core.canonical import canonical_json, sha256
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.jose import public_jwk
from app.core.statements import RecoveryCodes as Signed
from app.db.errors import Conflict
from app.db.pool import Database, Tx
from app.deciding.execution import Executions
from app.deciding.witness import Witness, check_fresh, recovery_codes_statement
from app.devices.models import Device
from app.enrolment.errors import EnrolmentRefused
from app.enrolment.factors import is_first
from app.guardrails.rungs import Verb
from app.outbox import store as outbox
from app.recovery import store
from app.recovery.errors import RecoveryCodesRefused
from app.recovery.models import CODES_PER_SET, RecoveryCode
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.wire import BindRecoveryCodes, BoundRecoveryCodes

_ACTION = "factor.recovery_codes"


class RecoveryCodeBinding:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        evidence: Evidence,
        executions: Executions,
        clock: Clock,
    ) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._executions = executions
        self._clock = clock

    async def bind(self, request: BindRecoveryCodes) -> BoundRecoveryCodes:
        """Register a set, or ask for the approval it takes; the older sets end with it.

        Raises
        ------
        DeviceRejected, SignatureRejected, StatementRejected, KeyRejected
            The device's word is missing, or names something that is no key.
        EnrolmentRefused
            A second key answered the enrolment code: somebody else has seen it.
        RecoveryCodesRefused
            A code is named twice or known, or other codes were approved.
        ApprovalNotApproved, EvidenceForged, …
            As `Executions.use`.
        """
        # (1) The device, and the ten keys it names.
        async with self._db.session() as tx:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
        signed = recovery_codes_statement(request.statement, device)
        keys = [canonical_json(_key(code.x)) for code in signed.codes]
        if len({code.code_id for code in signed.codes}) < CODES_PER_SET or len(set(keys)) < len(
            keys
        ):
            raise RecoveryCodesRefused
        if request.approval_id is None:
            check_fresh(signed.iat, self._clock.now())
        # (2) Under the lock: a first set, or one that a person approved, or the question.
        try:
            async with self._db.locked(request.trader_id) as tx:
                await self._witness.check_may(tx, device, Verb.ENROL)
                trader = await traders.get(tx, request.trader_id)
                if trader is None or trader.frozen_empty:
                    raise EnrolmentRefused
                number = await store.newest_set(tx, request.trader_id) + 1
                if request.approval_id is not None:
                    await self._use(tx, request, device, number, request.approval_id)
                elif not await is_first(tx, self._evidence, device):
                    return await self._ask(tx, request, device, number)
                await self._store(tx, request, device, signed, keys, number)
        except Conflict:
            raise RecoveryCodesRefused from None
        return BoundRecoveryCodes(state="bound", codes_left=CODES_PER_SET)

    async def _use(
        self, tx: Tx, request: BindRecoveryCodes, device: Device, number: int, approval_id: UUID
    ) -> None:
        action, _ = await self._executions.use(
            tx,
            trader_id=request.trader_id,
            approval_id=approval_id,
            expected_root_id=device.root_id,
            shape=NewRecoveryCodes,
            action_type=_ACTION,
            now=self._clock.now(),
        )
        if action != _action(request, device, number):
            raise RecoveryCodesRefused

    async def _ask(
        self, tx: Tx, request: BindRecoveryCodes, device: Device, number: int
    ) -> BoundRecoveryCodes:
        approval = await ask(
            tx,
            _action(request, device, number),
            requester=f"device:{device.device_id}",
            subject_id=device.device_id,
            now=self._clock.now(),
            life=LONGEST_LIFE,
            address=request.origin.address,
        )
        await self._log(tx, request, device, Event.APPROVAL_REQUESTED, approval.approval_id)
        left = await store.codes_left(tx, device.trader_id)
        return BoundRecoveryCodes(
            state="awaiting_approval",
            codes_left=left.codes_left,
            approval_id=approval.approval_id,
        )

    async def _store(
        self,
        tx: Tx,
        request: BindRecoveryCodes,
        device: Device,
        signed: Signed,
        keys: list[bytes],
        number: int,
    ) -> None:
        now = self._clock.now()
        codes = [
            RecoveryCode(
                trader_id=device.trader_id,
                code_id=code.code_id,
                set_number=number,
                root_id=device.root_id,
                device_id=device.device_id,
                public_jwk=key,
                bound_at=now,
                version=1,
                mac=b"",
            )
            for code, key in zip(signed.codes, keys, strict=True)
        ]
        macs = await self._evidence.seal([code.evidence() for code in codes])
        await store.add_codes(
            tx,
            [msgspec.structs.replace(code, mac=mac) for code, mac in zip(codes, macs, strict=True)],
        )
        position = await self._log(
            tx, request, device, Event.RECOVERY_CODES_BOUND, request.approval_id
        )
        await outbox.tell_platform(
            tx, device.trader_id, event="credential-change", fact="recovery_codes",
            fact_id=device.device_id, position=position,
        )  # fmt: skip

    async def _log(
        self,
        tx: Tx,
        request: BindRecoveryCodes,
        device: Device,
        event: Event,
        subject_id: UUID | None,
    ) -> int:
        return await append_locked(
            tx,
            Entry(
                trader_id=device.trader_id,
                event=event,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=subject_id,
                request_digest=sha256(request.statement.encode()),
            ),
        )


def _action(request: BindRecoveryCodes, device: Device, number: int) -> NewRecoveryCodes:
    return NewRecoveryCodes(
        trader_id=device.trader_id,
        device_id=device.device_id,
        codes=CODES_PER_SET,
        replaces=number - 1,
        statement_sha256=b64url(sha256(request.statement.encode())),
    )


def _key(point: str) -> dict[str, str]:
    return public_jwk({"kty": "OKP", "crv": "Ed25519", "x": point}, "EdDSA")
