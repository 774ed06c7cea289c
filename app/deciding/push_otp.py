"""`push_otp`: the phone says yes and is told a code; the code, typed at the requester, decides.

NIST SP 800-63B-4 section 3.1.3: out-of-band, and so the weakest. What approves is the signature of
the phone all the same; the code shows that who typed it has both screens before them.
"""

from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import rules, store
from app.approvals.errors import ApprovalNotFound
from app.approvals.models import LONGEST_LIFE, Approval
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.statements import Reveal, digest_bytes
from app.db.pool import Database, Tx
from app.deciding.ending import end_wrong
from app.deciding.errors import DeviceRejected, PushCodeRejected
from app.deciding.methods import check_strong_enough
from app.deciding.needs import Needs
from app.deciding.numbers import check_has_number
from app.deciding.witness import Witness, approving, check_fresh, reveal_statement
from app.devices.models import Device
from app.otp import push_store
from app.otp.push import MAX_ATTEMPTS, PushOtp, is_code, new_code
from app.vault.errors import EvidenceForged
from app.vault.evidence import Evidence
from app.verbs.wire import Decide, RevealCode, RevealedCode

METHOD = "push_otp"
_TRIES_OVER = "push_code_attempts"


class Typed:
    """A code that was right, with the yes that it completes; spent with the decision."""

    factor_id: UUID | None = None

    def __init__(self, otp: PushOtp, device: Device, signed: Reveal, clock: Clock) -> None:
        self._otp = otp
        self._clock = clock
        self.device, self.signed = device, signed

    @property
    def statement(self) -> str:
        return self._otp.statement

    async def spend(self, tx: Tx) -> None:
        if not await push_store.spend(tx, self._otp, self._clock.now()):
            raise PushCodeRejected


class PushOtps:
    def __init__(self, db: Database, witness: Witness, evidence: Evidence, clock: Clock) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._needs = Needs(evidence)
        self._clock = clock

    async def reveal(self, request: RevealCode) -> RevealedCode:
        """Take a phone's yes, pending the code that it is told here, once.

        Raises
        ------
        ApprovalNotFound, DeviceRejected, SignatureRejected, StatementRejected, ActionMismatch
            No such approval, or not this device's word about exactly it.
        ApprovalNotPending, FactorTooWeak, PolicyDenies, NoNumber
            It is over, wants more than a code, or a phone asked for it.
        PushCodeRejected
            Its attempts are used up.
        """
        # (1) The approval, the device, and that it signed about exactly this.
        device_id = request.origin.device_id
        if request.statement is None or device_id is None:
            raise Malformed
        async with self._db.session() as tx:
            approval = await store.get(tx, request.trader_id, request.approval_id)
            if approval is None:
                raise ApprovalNotFound
            device = await self._witness.device(tx, request.trader_id, device_id)
        signed = reveal_statement(request.statement, device)
        check_fresh(signed.iat, self._clock.now())
        self._check(approval, signed)
        # (2) The code, and all that is kept of it.
        now, code = self._clock.now(), new_code()
        otp = PushOtp(
            trader_id=approval.trader_id,
            approval_id=approval.approval_id,
            root_id=device.root_id,
            device_id=device.device_id,
            statement=request.statement,
            tag=b"",
            made_at=now,
            expires_at=min(approval.expires_at, now + LONGEST_LIFE),
            attempts=0,
        )
        (tag,) = await self._evidence.seal([_message(otp, approval, code)])
        # (3) Kept and logged before the phone hears it.
        async with self._db.locked(request.trader_id) as tx:
            await self._witness.check_may(tx, device, approving(approval, device))
            await self._needs.check(tx, approval, device, METHOD, self._clock.now())
            current = await store.get(tx, request.trader_id, request.approval_id)
            if current is None:
                raise ApprovalNotFound
            self._check(current, signed)
            if not await push_store.keep(tx, msgspec.structs.replace(otp, tag=tag)):
                raise PushCodeRejected
            await append_locked(tx, _told(request, approval, device))
        return RevealedCode(code=code, expires_at=otp.expires_at)

    async def prove(self, approval: Approval, request: Decide) -> Typed:
        """Compare the code that the requester sends; the attempt is charged whatever comes of it.

        Raises
        ------
        ApprovalNotFound
            Somebody else asked for this approval.
        ApprovalNotPending
            It is over; nothing was charged.
        PushCodeRejected
            Wrong, used, expired or never made. The fifth wrong one ends the approval.
        """
        if request.code is None or request.assertion is not None:
            raise Malformed
        if request.origin.actor != approval.requester:
            raise ApprovalNotFound
        rules.check_decidable(
            approval,
            signed_nonce=approval.nonce,
            signed_digest=approval.digest,
            now=self._clock.now(),
        )
        async with self._db.session() as tx:
            otp = await push_store.reserve_attempt(
                tx, approval.trader_id, approval.approval_id, self._clock.now()
            )
            if otp is None:
                raise PushCodeRejected
            device = await self._witness.device(tx, approval.trader_id, otp.device_id)
        try:
            await self._compare(otp, approval, request.code)
        except PushCodeRejected:
            await self._give_up(otp, approval, device, request)
            raise
        if device.root_id != otp.root_id:
            raise DeviceRejected
        signed = reveal_statement(otp.statement, device)
        self._check(approval, signed)
        return Typed(otp, device, signed, self._clock)

    def _check(self, approval: Approval, signed: Reveal) -> None:
        if signed.approval_id != approval.approval_id:
            raise ApprovalNotFound
        check_has_number(approval)
        rules.check_decidable(
            approval,
            signed_nonce=digest_bytes(signed.nonce),
            signed_digest=digest_bytes(signed.digest),
            now=self._clock.now(),
        )
        check_strong_enough(approval, METHOD)

    async def _compare(self, otp: PushOtp, approval: Approval, code: str) -> None:
        """The HSM compares. A row that somebody edited belongs to no code either."""
        if not is_code(code):
            raise PushCodeRejected
        try:
            await self._evidence.verify([(_message(otp, approval, code), otp.tag)])
        except EvidenceForged:
            raise PushCodeRejected from None

    async def _give_up(
        self, otp: PushOtp, approval: Approval, device: Device, request: Decide
    ) -> None:
        """After the last attempt the approval is over: somebody is guessing."""
        if otp.attempts < MAX_ATTEMPTS:
            return
        async with self._db.locked(approval.trader_id) as tx:
            now = self._clock.now()
            await end_wrong(tx, approval, device, rule=_TRIES_OVER, origin=request.origin, now=now)


def _message(otp: PushOtp, approval: Approval, code: str) -> bytes:
    return otp.evidence(code, nonce=approval.nonce, digest=approval.digest)


def _told(request: RevealCode, approval: Approval, device: Device) -> Entry:
    return Entry(
        trader_id=approval.trader_id,
        event=Event.APPROVAL_CODE_REVEALED,
        origin=request.origin,
        token_id=device.device_id,
        path=[device.root_id, device.device_id],
        subject_id=approval.approval_id,
        request_digest=approval.digest,
    )
