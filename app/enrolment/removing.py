"""Take an authenticator away, as approved: its seed is destroyed and its row says so for good."""

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.actions import FactorRemove
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.ids import new_id
from app.db.pool import Database, Tx
from app.deciding.ending import TOLD_FOR
from app.deciding.execution import Executions
from app.deciding.totp import TotpVerifier
from app.enrolment.errors import EnrolmentRefused, FactorRefused
from app.enrolment.factor_strength import check_not_last
from app.otp import store as otp
from app.otp.models import TotpFactor
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.wire import SealChange, SealedChange


class FactorRemoving:
    def __init__(
        self,
        db: Database,
        executions: Executions,
        evidence: Evidence,
        totp: TotpVerifier,
        clock: Clock,
    ) -> None:
        self._db = db
        self._executions = executions
        self._evidence = evidence
        self._totp = totp
        self._clock = clock

    async def seal(self, request: SealChange) -> SealedChange:
        """Carry out an approved `factor.remove`.

        Raises
        ------
        FactorRefused
            There is no such living factor, or it is not as it was shown.
        LastFactor
            Nobody could approve anything afterwards.
        ApprovalNotApproved, EvidenceForged, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            trader = await traders.get(tx, request.trader_id)
            if trader is None or trader.root_id is None:
                raise EnrolmentRefused
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=trader.root_id,
                shape=FactorRemove,
                action_type="factor.remove",
                now=now,
            )
            living = await otp.list_living(tx, request.trader_id, trader.root_id)
            factor = next((one for one in living if one.factor_id == action.factor_id), None)
            if factor is None or action.kind != "totp":
                raise FactorRefused
            if action.details_sha256 != b64url(sha256(factor.evidence())):
                raise FactorRefused
            await check_not_last(tx, self._evidence, factor)
            acting = request.origin.device_id
            removed = msgspec.structs.replace(factor, removed_at=now, version=factor.version + 1)
            await self._write(tx, removed)
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.FACTOR_REMOVED,
                    origin=request.origin,
                    token_id=acting,
                    path=None if acting is None else [trader.root_id, acting],
                    subject_id=factor.factor_id,
                    request_digest=approval.digest,
                ),
            )
            await outbox.ring(tx, request.trader_id, Topic.SECURITY, new_id(), now + TOLD_FOR)
        await self._totp.forget(removed)
        return SealedChange(subject_id=factor.factor_id, state="removed", version=removed.version)

    async def _write(self, tx: Tx, removed: TotpFactor) -> None:
        (mac,) = await self._evidence.seal([removed.evidence()])
        if not await otp.remove(tx, msgspec.structs.replace(removed, mac=mac)):
            raise FactorRefused
