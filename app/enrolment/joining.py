"""A further phone under the same root: approved with its key, then bound by that key's own word."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import DeviceAdd, read_action
from app.approvals.errors import ApprovalNotApproved
from app.approvals.models import Approval, ApprovalState
from app.core.canonical import canonical_json
from app.core.clock import Clock
from app.core.encoding import lp
from app.core.ids import new_id
from app.core.jose import Jwk, SignatureRejected, jwk_thumbprint, public_jwk
from app.core.statements import AddDevice as Signed
from app.core.statements import verify
from app.db.pool import Database, Tx
from app.deciding.ending import TOLD_FOR
from app.deciding.execution import Executions
from app.deciding.witness import check_fresh
from app.devices import store as devices
from app.devices.models import Device
from app.enrolment.errors import EnrolmentRefused
from app.enrolment.roots import NewPhone, answer, make_device
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.traders import store as traders
from app.vault.bootstrap import Bootstrap
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.verbs.wire import BindDevice, BoundDevice


class DeviceJoining:
    def __init__(
        self,
        db: Database,
        executions: Executions,
        evidence: Evidence,
        bootstrap: Bootstrap,
        identity: Identity,
        clock: Clock,
    ) -> None:
        self._db = db
        self._executions = executions
        self._evidence = evidence
        self._bootstrap = bootstrap
        self._identity = identity
        self._clock = clock

    async def bind(self, request: BindDevice) -> BoundDevice:
        """Bind the phone that was approved; the same key gets the same answer again.

        Raises
        ------
        KeyRejected, SignatureRejected, StatementRejected
            The key is not P-256, or the statement is not by it about this approval.
        EnrolmentRefused
            Another key, name or trader was approved, or there is no such approval.
        ParentNotActive
            The root is contained: no child is born under it.
        ApprovalNotApproved, EvidenceForged, …
            As `Executions.use`.
        """
        # (1) The new phone signed for its own key, this trader and this approval.
        approval_id = request.approval_id or UUID(int=0)
        jwk = public_jwk(request.public_jwk, "ES256")
        jkt = self._check_statement(request, approval_id, jwk)
        # (2) As at enrolment, the token's secret can be told again.
        secret = await self._bootstrap.secret_for(
            lp(b"tripcord/added-device-token/v1", request.trader_id.bytes, approval_id.bytes,
               jkt.encode())
        )  # fmt: skip
        # (3) Use the approval, mint, seal and tell, or nothing.
        async with self._db.locked(request.trader_id) as tx:
            approval = await approvals.get(tx, request.trader_id, approval_id)
            if approval is None or approval.action_type != "device.add":
                raise EnrolmentRefused
            device = await self._bound_before(tx, approval, jwk)
            if device is None:
                device = await self._bind(tx, request, approval, jwk, jkt, secret.reveal())
            else:
                await _log(tx, request, device, rule="answered_again")
        return answer(self._identity, device, secret.reveal())

    def _check_statement(self, request: BindDevice, approval_id: UUID, jwk: Jwk) -> str:
        signed = verify(request.statement, Signed, expected_key=jwk)
        check_fresh(signed.iat, self._clock.now())
        jkt = jwk_thumbprint(jwk)
        said = (signed.trader_id, signed.approval_id, signed.jkt, signed.name)
        if said != (request.trader_id, approval_id, jkt, request.name):
            raise SignatureRejected
        return jkt

    async def _bound_before(self, tx: Tx, approval: Approval, jwk: Jwk) -> Device | None:
        if approval.state is not ApprovalState.CONSUMED:
            return None
        named = read_action(approval.action, DeviceAdd).device_id
        device = await devices.get(tx, approval.trader_id, named)
        if device is None or device.public_jwk != canonical_json(jwk):
            raise ApprovalNotApproved
        await self._evidence.verify([(device.evidence(), device.mac)])
        return device

    async def _bind(
        self, tx: Tx, request: BindDevice, approval: Approval, jwk: Jwk, jkt: str, secret: bytes
    ) -> Device:
        now = self._clock.now()
        trader = await traders.get(tx, request.trader_id)
        if trader is None or trader.root_id is None:
            raise EnrolmentRefused
        action, _ = await self._executions.use(
            tx,
            trader_id=request.trader_id,
            approval_id=approval.approval_id,
            expected_root_id=trader.root_id,
            shape=DeviceAdd,
            action_type="device.add",
            now=now,
        )
        if (action.jkt, action.public_jwk, action.name) != (jkt, jwk, request.name):
            raise EnrolmentRefused
        phone = NewPhone(
            trader_id=request.trader_id,
            public_jwk=canonical_json(jwk),
            jkt=jkt,
            name=request.name,
            push=request.push,
        )
        device = await make_device(
            tx, self._evidence, phone, secret,
            root_id=trader.root_id, device_id=action.device_id, now=now,
        )  # fmt: skip
        position = await _log(tx, request, device, rule=None)
        await outbox.tell_platform(
            tx, request.trader_id, event="credential-change", fact="device",
            fact_id=device.device_id, position=position,
        )  # fmt: skip
        await outbox.ring(tx, request.trader_id, Topic.SECURITY, new_id(), now + TOLD_FOR)
        return device


async def _log(tx: Tx, request: BindDevice, device: Device, *, rule: str | None) -> int:
    return await append_locked(
        tx,
        Entry(
            trader_id=request.trader_id,
            event=Event.DEVICE_BOUND,
            origin=request.origin,
            token_id=device.device_id,
            path=[device.root_id, device.device_id],
            subject_id=request.approval_id,
            rule=rule,
        ),
    )
