"""`seal_change` for `token.lift`: the ladder up."""

from app.accesslog import store as log_store
from app.accesslog.models import Event
from app.approvals import store as approvals
from app.approvals.actions import TokenLift
from app.approvals.errors import ApprovalNotFound
from app.core.clock import Clock
from app.db.pool import Database
from app.deciding.execution import Executions
from app.deciding.witness import rung_of
from app.guardrails.errors import RungForbids
from app.guardrails.rungs import Rung
from app.tokens import fences
from app.tokens import store as tokens
from app.tokens.errors import FenceNotAsShown, RevokedIsFinal
from app.tokens.models import Level
from app.verbs.wire import SealChange, SealedChange


class Lifts:
    def __init__(self, db: Database, executions: Executions, clock: Clock) -> None:
        self._db = db
        self._executions = executions
        self._clock = clock

    async def seal(self, request: SealChange) -> SealedChange:
        """Lift the trader's own fence by the step a person approved; `state` is what is left.

        Raises
        ------
        FenceNotAsShown
            The fence is not as it was shown, or somebody tightened the node since.
        RungForbids
            Something on the path is revoked: final.
        ApprovalNotApproved, ActionMismatch, EvidenceForged, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            # (1) The node that was asked about.
            asked = await approvals.get(tx, request.trader_id, request.approval_id)
            node = await tokens.get(tx, request.trader_id, asked.subject_id) if asked else None
            if node is None:
                raise ApprovalNotFound
            # (2) The approval, verified again and used up.
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=node.path[0],
                shape=TokenLift,
                action_type="token.lift",
                now=self._clock.now(),
            )
            if action.token_id != node.token_id:
                raise FenceNotAsShown
            # (3) Nobody pulled after the person decided. The position in the action is the api's
            # word; where the decision stands in the log is ours.
            decided_at = await log_store.last_position(
                tx, request.trader_id, Event.APPROVAL_DECIDED, approval.approval_id
            )
            if decided_at is None:
                raise FenceNotAsShown
            # (4) Exactly the step that was shown; the fence and its entry in one call.
            try:
                left = await fences.lift(
                    tx,
                    trader_id=request.trader_id,
                    token_id=node.token_id,
                    expected_level=Level[action.from_state.upper()],
                    level=Level[action.to_state.upper()],
                    asked_at_position=min(int(action.asked_at_position), decided_at),
                    approval_id=approval.approval_id,
                    request_digest=approval.digest,
                    origin=request.origin,
                )
            except RevokedIsFinal:
                raise RungForbids(rule=Rung.REVOKED.value, node=str(node.token_id)) from None
        return SealedChange(subject_id=node.token_id, state=rung_of(left).value)
