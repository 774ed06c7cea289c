"""The browser's half of a sign-in: a code, proven before the phone is asked to decide."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.errors import ApprovalNotFound, ApprovalNotPending
from app.approvals.models import Approval, ApprovalState
from app.core.clock import Clock
from app.core.errors import Malformed
from app.db.pool import Database
from app.deciding.methods import Asked, Method, Proof, Proven
from app.deciding.totp import TotpVerifier
from app.sessions import store as sessions
from app.sessions.errors import SessionCodeMissing, SessionNotFound
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.wire import Decide, Decided


class SessionCodes:
    def __init__(self, db: Database, evidence: Evidence, totp: TotpVerifier, clock: Clock) -> None:
        self._db = db
        self._evidence = evidence
        self._totp = totp
        self._clock = clock

    async def prove(self, request: Decide) -> Decided:
        """Verify the code typed in the browser and seal that it was.

        Raises
        ------
        ApprovalNotFound, SessionNotFound, ApprovalNotPending
            No such sign-in, or it is over.
        TotpLocked, TotpRejected
            The code failed; the attempt stays charged.
        """
        if request.code is None:
            raise Malformed
        async with self._db.session() as tx:
            approval = await approvals.get(tx, request.trader_id, request.approval_id)
            trader = await traders.get(tx, request.trader_id)
            if approval is None or approval.action_type != "session.sign_in" or trader is None:
                raise ApprovalNotFound
            session = await sessions.get(tx, request.trader_id, approval.subject_id)
        now = self._clock.now()
        if session is None or now >= session.expires_at or trader.root_id is None:
            raise SessionNotFound
        if approval.state is not ApprovalState.PENDING:
            raise ApprovalNotPending
        proof = await self._totp.prove(
            request.trader_id,
            trader.root_id,
            request.code,
            factor_id=request.factor_id,
            or_oldest=True,
        )
        (mac,) = await self._evidence.seal([session.code_evidence(proof.factor_id, now)])
        async with self._db.locked(request.trader_id) as tx:
            await self._totp.spend(tx, request.trader_id, proof)
            if not await sessions.set_code(
                tx, session, verified_at=now, factor_id=proof.factor_id, mac=mac
            ):
                raise SessionNotFound
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.SESSION_CODE,
                    origin=request.origin,
                    subject_id=session.session_id,
                ),
            )
        return Decided(
            approval_id=approval.approval_id,
            action_type=approval.action_type,
            subject_id=approval.subject_id,
            state=approval.state,
        )

    async def proven_factor(self, approval: Approval) -> UUID:
        """The factor whose code the browser proved for this sign-in.

        Raises
        ------
        SessionCodeMissing
            The code has not been proven yet.
        EvidenceForged
            The row says so, but no signer did.
        """
        async with self._db.session() as tx:
            session = await sessions.get(tx, approval.trader_id, approval.subject_id)
        if (
            session is None
            or session.approval_id != approval.approval_id
            or session.code_factor_id is None
            or session.code_verified_at is None
            or session.code_mac is None
        ):
            raise SessionCodeMissing
        message = session.code_evidence(session.code_factor_id, session.code_verified_at)
        await self._evidence.verify([(message, session.code_mac)])
        return session.code_factor_id


class SignInCode:
    """TOTP, where the code of a sign-in was typed in the browser and not on the phone."""

    def __init__(self, session_codes: SessionCodes, otherwise: Method) -> None:
        self._session_codes = session_codes
        self._otherwise = otherwise

    async def prove(self, asked: Asked) -> Proof:
        if asked.approval.action_type == "session.sign_in" and asked.code is None:
            return Proven(await self._session_codes.proven_factor(asked.approval))
        return await self._otherwise.prove(asked)
