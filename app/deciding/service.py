"""`decide`: one approval, one device, one decision."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import rules, store
from app.approvals.errors import ApprovalNotFound, ApprovalNotPending, FactorTooWeak
from app.approvals.models import Approval, ApprovalState, Decision
from app.approvals.other_actions import BATCH
from app.core.clock import Clock
from app.core.statements import Decision as SignedDecision
from app.core.statements import Reveal as SignedReveal
from app.core.statements import digest_bytes
from app.db.pool import Database, Tx
from app.deciding.containing import contain
from app.deciding.methods import Asked, Method, Proof, check_parts, check_strong_enough
from app.deciding.needs import Needs
from app.deciding.push_otp import METHOD as PUSH_OTP
from app.deciding.push_otp import PushOtps
from app.deciding.session_code import SessionCodes
from app.deciding.witness import Witness, approving, decision_statement
from app.devices.models import Device
from app.guardrails.rungs import Verb
from app.orders import store as orders
from app.vault.evidence import Evidence
from app.verbs.wire import Decide, Decided

_HOLDING = ("trade.order", BATCH)
"""Types whose orders wait, held, for the decision."""

_STATES = {
    "approve": ApprovalState.APPROVED,
    "deny": ApprovalState.DENIED,
    "fraud": ApprovalState.FRAUD,
}


class DecidingService:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        evidence: Evidence,
        methods: Mapping[str, Method],
        session_codes: SessionCodes,
        push_otps: PushOtps,
        clock: Clock,
    ) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._methods = methods
        self._needs = Needs(evidence)
        self._session_codes = session_codes
        self._push_otps = push_otps
        self._clock = clock

    async def decide(self, request: Decide) -> Decided:
        """Decide one pending approval by a device's signed statement.

        Raises
        ------
        ApprovalNotFound, DeviceRejected, SignatureRejected, ActionMismatch, ApprovalNotPending,
        FactorTooWeak, PolicyDenies
            Refused before any code is looked at; no attempt is charged.
        TotpLocked, TotpRejected
            The proof failed; the attempt stays charged.
        """
        if request.statement is None:
            return await self._typed(request)

        # (1) The approval is this trader's.
        async with self._db.session() as tx:
            approval = await store.get(tx, request.trader_id, request.approval_id)
            if approval is None:
                raise ApprovalNotFound
            # (2) The statement is by a device the HSM vouches for.
            device = await self._device(tx, request)
        signed = decision_statement(request.statement, device.key(), device)
        if signed.approval_id != approval.approval_id:
            raise ApprovalNotFound

        # A no is heard until the action was carried out, whoever said yes before.
        if signed.decision != "approve" and approval.state is ApprovalState.APPROVED:
            return await self._take_back(approval, device, signed, request)

        # (3) It is about exactly what is asked, and still open.
        rules.check_decidable(
            approval,
            signed_nonce=digest_bytes(signed.nonce),
            signed_digest=digest_bytes(signed.digest),
            now=self._clock.now(),
        )

        # (4) The factor, as strong as the policy asks. Saying no needs none.
        proof = await self._prove(approval, device, signed, request)

        # (5) Spend, decide, seal and log stand or fall together.
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            await self._conclude(tx, approval, device, signed, proof, request, now)
        return _answer(approval, _STATES[signed.decision])

    async def _typed(self, request: Decide) -> Decided:
        """A code alone, from the requester's screen: of a sign-in, or what a phone was told.

        With the second the phone has said yes before; what it signed is decided here.
        """
        async with self._db.session() as tx:
            approval = await store.get(tx, request.trader_id, request.approval_id)
        if approval is None or approval.action_type == "session.sign_in":
            return await self._session_codes.prove(request)
        proof = await self._push_otps.prove(approval, request)
        said = msgspec.structs.replace(request, statement=proof.statement)
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            await self._needs.check(tx, approval, proof.device, PUSH_OTP, now)
            await self._conclude(tx, approval, proof.device, proof.signed, proof, said, now)
        return _answer(approval, _STATES[proof.signed.decision])

    async def _take_back(
        self, approval: Approval, device: Device, signed: SignedDecision, request: Decide
    ) -> Decided:
        rules.check_same(
            approval,
            signed_nonce=digest_bytes(signed.nonce),
            signed_digest=digest_bytes(signed.digest),
        )
        async with self._db.locked(approval.trader_id) as tx:
            await self._witness.check_may(tx, device, Verb.DENY)
            if not await store.cancel(tx, approval.trader_id, approval.approval_id):
                raise ApprovalNotPending
            await self._end_held(tx, approval, ApprovalState.CANCELLED)
            await self._log(tx, approval, device, request, ApprovalState.CANCELLED)
            if signed.decision == "fraud":
                await contain(
                    tx, approval, device=device, origin=request.origin, now=self._clock.now()
                )
        return _answer(approval, ApprovalState.CANCELLED)

    async def _end_held(self, tx: Tx, approval: Approval, state: ApprovalState) -> None:
        if approval.action_type in _HOLDING:
            await orders.refuse_held(tx, approval.trader_id, approval.approval_id, state)

    async def _log(
        self, tx: Tx, approval: Approval, device: Device, request: Decide, state: ApprovalState
    ) -> None:
        await append_locked(
            tx,
            Entry(
                trader_id=approval.trader_id,
                event=Event.APPROVAL_DECIDED,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=approval.approval_id,
                rule=state,
                request_digest=approval.digest,
            ),
        )

    async def _device(self, tx: Tx, request: Decide) -> Device:
        if request.origin.device_id is None:
            raise ApprovalNotFound
        return await self._witness.device(tx, request.trader_id, request.origin.device_id)

    async def _prove(
        self, approval: Approval, device: Device, signed: SignedDecision, request: Decide
    ) -> Proof | None:
        """The factor on top, unspent; None for a no."""
        check_parts(signed, code=request.code, assertion=request.assertion)
        if signed.decision != "approve":
            return None
        method = self._methods.get(signed.method)
        if method is None:
            raise FactorTooWeak
        check_strong_enough(approval, signed.method)
        async with self._db.session() as tx:
            await self._needs.check(tx, approval, device, signed.method, self._clock.now())
        return await method.prove(
            Asked(
                approval=approval,
                device=device,
                signed=signed,
                code=request.code,
                assertion=request.assertion,
                factor_id=request.factor_id,
                origin=request.origin,
            )
        )

    async def _conclude(
        self,
        tx: Tx,
        approval: Approval,
        device: Device,
        signed: SignedDecision | SignedReveal,
        proof: Proof | None,
        request: Decide,
        now: datetime,
    ) -> None:
        saying_yes = signed.decision == "approve"
        verb = approving(approval, device) if saying_yes else Verb.DENY
        await self._witness.check_may(tx, device, verb)
        if proof is not None:
            await proof.spend(tx)
        state = _STATES[signed.decision]
        if not await store.decide(tx, approval.trader_id, approval.approval_id, state, now):
            raise ApprovalNotPending
        decision = Decision(
            trader_id=approval.trader_id,
            approval_id=approval.approval_id,
            root_id=device.root_id,
            device_id=device.device_id,
            nonce=approval.nonce,
            digest=approval.digest,
            decision=signed.decision,
            method=signed.method,
            factor_id=None if proof is None else proof.factor_id,
            statement=request.statement or "",
            decided_at=now,
            version=1,
            mac=b"",
        )
        if not saying_yes:
            await self._end_held(tx, approval, state)
        (mac,) = await self._evidence.seal([decision.evidence()])
        await store.insert_decision(tx, msgspec.structs.replace(decision, mac=mac))
        await self._log(tx, approval, device, request, state)
        if signed.decision == "fraud":
            await contain(tx, approval, device=device, origin=request.origin, now=now)


def _answer(approval: Approval, state: ApprovalState) -> Decided:
    return Decided(
        approval_id=approval.approval_id,
        action_type=approval.action_type,
        subject_id=approval.subject_id,
        state=state,
    )
