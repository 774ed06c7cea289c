"""A further authenticator app: asked for, approved as it was named, and only then opened."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import asking, store
from app.approvals.actions import FactorAdd, read_action
from app.approvals.errors import ApprovalNotApproved, ApprovalNotFound
from app.approvals.models import LONGEST_LIFE, ApprovalState
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.ids import new_id
from app.db.pool import Database, Tx
from app.deciding.ending import TOLD_FOR
from app.deciding.execution import Executions
from app.deciding.witness import Witness
from app.devices.models import Device
from app.enrolment.errors import FactorRefused
from app.enrolment.factor_strength import to_add
from app.guardrails.rungs import Verb
from app.otp import store as otp
from app.otp.models import TotpFactor
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.vault.evidence import Evidence
from app.verbs.wire import BindFactor, BoundFactor

MOST_FACTORS = 5
"""Living authenticators of one trader: each has guesses of its own."""

_ACTION = "factor.add"


class FactorAdding:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        executions: Executions,
        evidence: Evidence,
        clock: Clock,
    ) -> None:
        self._evidence = evidence
        self._db = db
        self._witness = witness
        self._executions = executions
        self._clock = clock

    async def ask(self, request: BindFactor, device: Device, label: str) -> BoundFactor:
        """Ask for the approval that a further authenticator takes. Its seed stays sealed."""
        factor_id = new_id()
        action = FactorAdd(
            trader_id=device.trader_id,
            factor_id=factor_id,
            kind="totp",
            label=label,
            device_id=device.device_id,
            details_sha256=_digest(request),
        )
        async with self._db.locked(device.trader_id) as tx:
            await self._witness.check_may(tx, device, Verb.ENROL)
            await _check_room(tx, device.trader_id, device.root_id)
            approval = await asking.ask(
                tx,
                action,
                requester=f"device:{device.device_id}",
                subject_id=factor_id,
                now=self._clock.now(),
                address=request.origin.address,
                life=LONGEST_LIFE,
                strength=await to_add(tx, self._evidence, device),
            )
            await append_locked(
                tx,
                Entry(
                    trader_id=device.trader_id,
                    event=Event.APPROVAL_REQUESTED,
                    origin=request.origin,
                    token_id=device.device_id,
                    path=[device.root_id, device.device_id],
                    subject_id=approval.approval_id,
                    rule=_ACTION,
                    request_digest=approval.digest,
                ),
            )
        return BoundFactor(factor_id, "awaiting_approval", approval.approval_id)

    async def proposed(self, request: BindFactor) -> UUID:
        """The id that the approved factor will have. Opening an envelope spends its key, so it is
        looked first whether there is a yes at all; whether to believe it, `use` says.
        """
        async with self._db.session() as tx:
            approval = await store.get(tx, request.trader_id, request.approval_id or UUID(int=0))
        if approval is None or approval.action_type != _ACTION:
            raise ApprovalNotFound
        if approval.state is not ApprovalState.APPROVED:
            raise ApprovalNotApproved
        return read_action(approval.action, FactorAdd).factor_id

    async def use(self, tx: Tx, request: BindFactor, factor: TotpFactor) -> None:
        """Use the approval up for exactly this factor, and tell every device."""
        now = self._clock.now()
        device = await self._witness.device(tx, factor.trader_id, factor.device_id)
        action, _ = await self._executions.use(
            tx,
            trader_id=request.trader_id,
            approval_id=request.approval_id or UUID(int=0),
            expected_root_id=factor.root_id,
            shape=FactorAdd,
            action_type=_ACTION,
            now=now,
            strength=await to_add(tx, self._evidence, device),
        )
        as_shown = (action.factor_id, action.kind, action.label, action.device_id)
        if as_shown != (factor.factor_id, "totp", factor.label, factor.device_id):
            raise FactorRefused
        if action.details_sha256 != _digest(request):
            raise FactorRefused
        await _check_room(tx, factor.trader_id, factor.root_id)
        await outbox.ring(tx, factor.trader_id, Topic.SECURITY, new_id(), now + TOLD_FOR)


def _digest(request: BindFactor) -> str:
    return b64url(sha256(request.statement.encode()))


async def _check_room(tx: Tx, trader_id: UUID, root_id: UUID) -> None:
    if len(await otp.list_living(tx, trader_id, root_id)) >= MOST_FACTORS:
        raise FactorRefused(rule="too_many")
