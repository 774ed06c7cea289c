"""`device_number`: four digits on the requester's screen, typed on the phone, inside what it signs.

The number is a function of the request under the HSM's row-MAC key. So it is as random as the
request's nonce, the same for whoever asks again after a lost reply, and stored nowhere: the api,
which creates most approvals, may not compute it, and a reader of the database cannot.
"""

import hmac
from datetime import datetime
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store
from app.approvals.errors import ApprovalNotFound, ApprovalNotPending
from app.approvals.governing import Who, who
from app.approvals.lineages import node_of
from app.approvals.models import Approval, ApprovalState
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.evidence import encode_row
from app.db.pool import Database, Tx
from app.deciding.ending import end_wrong
from app.deciding.errors import NoNumber, WrongNumber
from app.deciding.methods import Asked, Proof
from app.sessions import store as sessions
from app.tokens import store as tokens
from app.vault.evidence import Evidence
from app.verbs.wire import RevealCode, RevealedCode

DIGITS = 4
"""One guess in ten thousand, and a single one: a wrong number ends the approval."""

_SIGN_IN = "session.sign_in"


def check_has_number(approval: Approval) -> None:
    """Raise NoNumber where a phone itself asks: its own screen proves nothing about another."""
    if who(approval.requester) is Who.DEVICE:
        raise NoNumber


class Numbers:
    """Says an approval's number to whoever asked for the approval, and to nobody else."""

    def __init__(self, db: Database, evidence: Evidence, clock: Clock) -> None:
        self._db = db
        self._evidence = evidence
        self._clock = clock

    async def of(self, approval: Approval) -> str:
        """The number that `approval` must be answered with."""
        (mac,) = await self._evidence.seal(
            [
                encode_row(
                    "approval_number/1",
                    [
                        approval.trader_id,
                        approval.approval_id,
                        approval.requester,
                        approval.nonce,
                        approval.digest,
                    ],
                )
            ]
        )
        # 64 bits modulo ten thousand: no digit is likelier than another by more than 1 in 10^15.
        return f"{int.from_bytes(mac[:8], 'big') % 10**DIGITS:0{DIGITS}d}"

    async def show(self, request: RevealCode) -> RevealedCode:
        """The number of a pending approval, for its requester's screen.

        Raises
        ------
        ApprovalNotFound
            No such approval, or not asked for by who asks now.
        ApprovalNotPending, NoNumber
            It is over, or a phone asked.
        """
        async with self._db.session() as tx:
            approval = await store.get(tx, request.trader_id, request.approval_id)
        if approval is None or approval.requester != request.origin.actor:
            raise ApprovalNotFound
        check_has_number(approval)
        number = await self.of(approval)
        async with self._db.locked(request.trader_id) as tx:
            current = await store.get(tx, request.trader_id, request.approval_id)
            if current is None or _is_over(current, self._clock.now()):
                raise ApprovalNotPending
            _, named = node_of(approval.requester)
            node = None if named is None else await tokens.get(tx, request.trader_id, named)
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.APPROVAL_NUMBER_SHOWN,
                    origin=request.origin,
                    token_id=None if node is None else node.token_id,
                    path=None if node is None else node.path,
                    subject_id=approval.approval_id,
                    request_digest=approval.digest,
                ),
            )
        return RevealedCode(code=number, expires_at=approval.expires_at)


class Matched:
    """A number that was right. Of a sign-in it says, too, in which browser the person sits."""

    factor_id: UUID | None = None

    def __init__(self, evidence: Evidence, approval: Approval, now: datetime) -> None:
        self._evidence = evidence
        self._approval = approval
        self._now = now

    async def spend(self, tx: Tx) -> None:
        """The approval is the one thing to spend, but a sign-in wants its browser proven."""
        if self._approval.action_type != _SIGN_IN:
            return
        session = await sessions.get(tx, self._approval.trader_id, self._approval.subject_id)
        if session is None or session.approval_id != self._approval.approval_id:
            raise ApprovalNotFound
        if session.code_mac is not None:
            return
        by, now = self._approval.approval_id, self._now
        (mac,) = await self._evidence.seal([session.code_evidence(by, now)])
        await sessions.set_code(tx, session, verified_at=now, factor_id=by, mac=mac)


class DeviceNumber:
    """The method. The first number that comes decides, whatever comes beside it."""

    def __init__(self, db: Database, numbers: Numbers, evidence: Evidence, clock: Clock) -> None:
        self._db = db
        self._numbers = numbers
        self._evidence = evidence
        self._clock = clock

    async def prove(self, asked: Asked) -> Proof:
        """Compare the number that the phone signed.

        Raises
        ------
        WrongNumber
            It is not the one; the approval was ended, in a commit of its own.
        NoNumber, ApprovalNotPending
            There is none to type, or the approval is over.
        """
        typed, approval = asked.signed.number, asked.approval
        if not isinstance(typed, str):
            raise Malformed
        check_has_number(approval)
        right = await self._numbers.of(approval)
        # Compared under the trader lock, and ended in the same commit: of many guesses at once the
        # first one counts, because every later one finds an approval that is over.
        async with self._db.locked(approval.trader_id) as tx:
            now = self._clock.now()
            current = await store.get(tx, approval.trader_id, approval.approval_id)
            if current is None or _is_over(current, now):
                raise ApprovalNotPending
            is_right = hmac.compare_digest(right.encode(), typed.encode())
            if not is_right:
                await end_wrong(
                    tx, approval, asked.device, rule=WrongNumber.code, origin=asked.origin, now=now
                )
        if not is_right:
            refused = WrongNumber()
            refused.logged = True
            raise refused
        return Matched(self._evidence, approval, now)


def _is_over(approval: Approval, now: datetime) -> bool:
    return approval.state_at(now) is not ApprovalState.PENDING
