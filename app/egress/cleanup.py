"""Clean-up after a revoke: cancels and key deletions, tried until done or out of time.

The fence was there before any of this and waits for none of it.
"""

from app.core.clock import Clock
from app.db.pool import Database, Tx
from app.egress import revocation_store, rules
from app.egress.attempts import Attempts, Tried
from app.egress.outcomes import apply, log_cleanup
from app.egress.revocation_store import Revocation
from app.egress.signer import Signer
from app.egress.work import Patience, Work
from app.egress.writes import LockedWrites
from app.orders import cleanup_store, store
from app.orders.models import FINAL, CleanUpItem, ItemState, Order
from app.verbs.errors import RefusedByPeer
from app.verbs.wire import CleanUp

_REVOCATIONS = 200
_ITEMS = 64


class CleanUps:
    def __init__(
        self,
        db: Database,
        signer: Signer,
        attempts: Attempts,
        writes: LockedWrites,
        work: Work,
        clock: Clock,
    ) -> None:
        self._db = db
        self._signer = signer
        self._attempts = attempts
        self._writes = writes
        self._work = work
        self._clock = clock
        self._patience = Patience()

    async def step(self) -> None:
        async with self._db.session() as tx:
            revocations = await revocation_store.open_revocations(tx, _REVOCATIONS)
            items = await cleanup_store.due(tx, self._clock.now(), _ITEMS)
        self._patience.forget_others({revocation.revocation_id for revocation in revocations})
        for revocation in revocations:
            self._spawn_revocation(revocation)
        for item in items:
            self._spawn_item(item)

    def _spawn_revocation(self, revocation: Revocation) -> None:
        begun = revocation.cleanup_state == "running"
        if begun or self._patience.may_ask(revocation.revocation_id):
            step = self._end if begun else self._begin
            self._work.spawn(("revocation", revocation.revocation_id), lambda: step(revocation))

    def _spawn_item(self, item: CleanUpItem) -> None:
        self._work.spawn(
            ("clean up", item.revocation_id, item.item_no), lambda: self._advance(item)
        )

    async def _begin(self, revocation: Revocation) -> None:
        """Have the signer write the items. Past the deadline a refusal ends the clean-up."""
        try:
            await self._signer.ask(
                CleanUp(trader_id=revocation.trader_id, revocation_id=revocation.revocation_id)
            )
        except RefusedByPeer as refused:
            if self._clock.now() < revocation.cleanup_deadline_at:
                raise
            await self._give_up(revocation, refused.code)
            return
        async with self._db.transaction() as tx:
            await revocation_store.begin_cleanup(tx, revocation.trader_id, revocation.revocation_id)

    async def _give_up(self, revocation: Revocation, reason: str) -> None:
        async def body(tx: Tx) -> None:
            await log_cleanup(
                tx,
                revocation,
                subject_id=revocation.revocation_id,
                rule="not_expanded",
                ok=False,
                words=reason,
            )
            await revocation_store.begin_cleanup(tx, revocation.trader_id, revocation.revocation_id)

        await self._writes.run(revocation.trader_id, body)

    async def _end(self, revocation: Revocation) -> None:
        async with self._db.transaction() as tx:
            await revocation_store.end_cleanup(tx, revocation.trader_id, revocation.revocation_id)

    async def _advance(self, item: CleanUpItem) -> None:
        """Take one item a step further."""
        async with self._db.session() as tx:
            revocation = await revocation_store.get(tx, item.trader_id, item.revocation_id)
            order = await _order_of(tx, item)
        # (1) Nothing to do any more, or no time left to do it.
        if order is not None and order.state in FINAL:
            tried: Tried | None = Tried(ItemState.DONE, f"already {order.state}")
        elif self._clock.now() >= revocation.cleanup_deadline_at:
            tried = Tried(ItemState.UNCONFIRMED, item.last_outcome or "deadline")
        else:
            # (2) One attempt, built by the signer from its own rows.
            tried = await self._attempts.make(item, order, revocation.cleanup_deadline_at)
        # (3) Item, order and log entry in one commit.
        if tried is not None:
            await self._conclude(item, revocation, tried)

    async def _conclude(self, item: CleanUpItem, revocation: Revocation, tried: Tried) -> None:
        async def body(tx: Tx) -> None:
            order = await _order_of(tx, item)
            if order is not None and tried.said is not None:
                await apply(tx, order, rules.outcome_of(order, tried.said), tried.body)
            if await cleanup_store.conclude(tx, item, tried.state, tried.words):
                await log_cleanup(
                    tx,
                    revocation,
                    subject_id=item.order_id or item.credential_id,
                    rule=item.kind,
                    ok=tried.state is ItemState.DONE,
                    words=f"{tried.state} {tried.words}",
                )

        await self._writes.run(item.trader_id, body)


async def _order_of(tx: Tx, item: CleanUpItem) -> Order | None:
    if item.order_id is None:
        return None
    return await store.get(tx, item.trader_id, item.order_id)
