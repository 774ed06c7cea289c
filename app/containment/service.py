"""Carry a plan out, or rehearse it: two objects, so that no line of either asks which it is.

`Rehearsal` has no database. Whoever makes the one or the other decides once, at the command line.
"""

from typing import Protocol
from uuid import UUID

from app.containment import store
from app.containment.models import Contained, TraderPlan, VenuePlan
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.errors import DatabaseUnavailable
from app.db.pool import Database
from app.tokens import store as tokens
from app.traders.errors import TraderNotFound

TELL_BATCH = 200
"""Traders rung in one transaction: short enough that nobody waits behind it."""


class Executor(Protocol):
    async def contain_trader(self, plan: TraderPlan) -> Contained: ...
    async def contain_venue(self, plan: VenuePlan) -> Contained: ...


class Rehearsal:
    """Does nothing, and says so by its answers."""

    async def contain_trader(self, plan: TraderPlan) -> Contained:  # noqa: ARG002
        return Contained(position=None, at=None, told=0)

    async def contain_venue(self, plan: VenuePlan) -> Contained:  # noqa: ARG002
        return Contained(position=None, at=None, told=0)


class Containing:
    """`db` logs in as the operator's role."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def contain_trader(self, plan: TraderPlan) -> Contained:
        """Fence the root and log it; the fence rings the trader's devices: one commit.

        A rung as tight, or tighter, that an operator put there stays, and nothing is written. The
        root is the one of now: a trader who came back meanwhile has another than was planned for.

        Raises
        ------
        TraderNotFound
            Gone since the plan.
        """
        async with self._db.locked(plan.trader_id) as tx:
            found = await store.find_trader(tx, plan.trader_id)
            if found is None or found["root_id"] is None:
                raise TraderNotFound
            root_id: UUID = found["root_id"]
            ours = await tokens.operators_level(tx, plan.trader_id, root_id)
            if ours >= plan.level:
                return Contained(position=None, at=None, told=0)
            imposed = await tokens.tighten(
                tx,
                trader_id=plan.trader_id,
                token_id=root_id,
                level=plan.level,
                reason=plan.reason,
                origin=Origin(actor=plan.actor),
            )
        # The fence itself rings the trader's devices (migration 0011).
        return Contained(position=imposed.log_position, at=imposed.imposed_at, told=0)

    async def contain_venue(self, plan: VenuePlan) -> Contained:
        """Fence the venue in one short transaction; then tell its traders, batch by batch.

        Also tells of earlier acts whose telling was interrupted, whatever this one changes.
        """
        async with self._db.transaction() as tx:
            row = await store.contain_venue(
                tx, plan.venue_id, new_id(), plan.level, plan.reason, plan.actor
            )
        drained = await self._drain(plan.venue_id)
        return Contained(
            position=row["log_position"],
            at=row["imposed_at"],
            told=await self._tell(plan.venue_id),
            drained=drained,
        )

    async def _drain(self, venue_id: str) -> bool:
        """Wait for signatures that began before; False if one does not end in time."""
        try:
            async with self._db.transaction() as tx:
                await store.drain_venue(tx, venue_id)
        except DatabaseUnavailable:
            return False
        return True

    async def _tell(self, venue_id: str) -> int:
        async with self._db.session() as tx:
            acts = await store.untold(tx, venue_id)
        told = 0
        for containment_id in acts:
            while True:
                async with self._db.transaction() as tx:
                    batch = await store.tell_next(tx, venue_id, containment_id, TELL_BATCH)
                if batch == 0:
                    break
                told += batch
        return told
