"""Ask to go up the ladder: the device asks, a person approves, the signer lifts."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.actions import TokenLift
from app.approvals.asking import ask
from app.approvals.models import Approval
from app.core.clock import Clock
from app.core.origin import Origin
from app.db.pool import Database
from app.guardrails.errors import RungForbids
from app.tokens import fences
from app.tokens import store as tokens
from app.tokens.errors import NothingToLift, TokenNotFound
from app.tokens.models import Level


class LiftRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def request(
        self, trader_id: UUID, token_id: UUID, *, to: Level, origin: Origin
    ) -> tuple[Approval, TokenLift]:
        """Store the approval for one step up, as the fence stands now, and ring the phones.

        Raises
        ------
        TokenNotFound
            No such node in this trader's tree.
        NothingToLift
            The trader's own fence on this very node is not tighter than `to`.
        RungForbids
            Something on the path is revoked: final.
        PolicyDenies
            As `approvals.asking.ask`.
        """
        async with self._db.locked(trader_id) as tx:
            now = self._clock.now()
            node = await tokens.get(tx, trader_id, token_id)
            if node is None:
                raise TokenNotFound
            if await tokens.effective_level(tx, trader_id, node.path) is Level.REVOKED:
                raise RungForbids(rule="revoked", node=str(token_id))
            own = await fences.own_level(tx, trader_id, token_id)
            if own <= to:
                raise NothingToLift
            action = TokenLift(
                trader_id=trader_id,
                token_id=token_id,
                kind=node.kind,
                label=node.label,
                from_state=own.name.lower(),  # type: ignore[arg-type]
                to_state=to.name.lower(),  # type: ignore[arg-type]
                asked_at_position=str(await fences.log_head(tx, trader_id)),
                requested_by=origin.actor,
            )
            approval = await ask(
                tx,
                action,
                requester=origin.actor,
                subject_id=token_id,
                now=now,
                address=origin.address,
            )
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.TOKEN_LIFT_REQUESTED,
                    origin=origin,
                    token_id=token_id,
                    path=node.path,
                    subject_id=approval.approval_id,
                    rule=f"{action.from_state}>{action.to_state}",
                    request_digest=approval.digest,
                ),
            )
        return approval, action
