"""Balances and open orders of linked keys, every few seconds and soon after every outcome."""

import asyncio
from uuid import UUID

from app.db.pool import Database
from app.egress import store
from app.egress.outcomes import Outcomes
from app.egress.reads import KeyRef, SignedReads
from app.egress.reconcile import Reconciler
from app.egress.work import Work
from app.exchanges.answers import answers_of
from app.exchanges.models import OpenOrder
from app.orders import store as orders
from app.orders.models import Order, OrderState, Outcome

_LIST_SECONDS = 1.0
_AT_LEAST_SECONDS = 1.0
"""Between two reads of one key: outcomes that come closer together share one."""


class Hints:
    """Keys whose account has just changed. Lost in a crash, and then the schedule does it."""

    def __init__(self) -> None:
        self._keys: set[UUID] = set()

    def note(self, order: Order) -> None:
        self.keep(order.credential_id)

    def keep(self, credential_id: UUID) -> None:
        self._keys.add(credential_id)

    def take(self) -> set[UUID]:
        taken, self._keys = self._keys, set()
        return taken


class Accounts:
    def __init__(
        self,
        db: Database,
        reads: SignedReads,
        outcomes: Outcomes,
        reconciler: Reconciler,
        hints: Hints,
        work: Work,
        *,
        every_seconds: float,
    ) -> None:
        self._db = db
        self._reads = reads
        self._outcomes = outcomes
        self._reconciler = reconciler
        self._hints = hints
        self._work = work
        self._every_seconds = every_seconds
        self._keys: list[KeyRef] = []
        self._list_at = 0.0
        self._read_at: dict[UUID, float] = {}

    async def step(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._list_at:
            async with self._db.session() as tx:
                self._keys = await store.active_keys(tx)
            self._list_at = now + _LIST_SECONDS
            known = {key.credential_id for key in self._keys}
            self._read_at = {k: at for k, at in self._read_at.items() if k in known}
        hinted = self._hints.take()
        for key in self._keys:
            gap = _AT_LEAST_SECONDS if key.credential_id in hinted else self._every_seconds
            if now - self._read_at.get(key.credential_id, -gap) >= gap:
                self._read_at[key.credential_id] = now
                self._spawn(key)
            elif key.credential_id in hinted:
                self._hints.keep(key.credential_id)

    def _spawn(self, key: KeyRef) -> None:
        self._work.spawn(("balances", key.credential_id), lambda: self._balances(key))
        self._work.spawn(("open orders", key.credential_id), lambda: self._open_orders(key))

    async def _balances(self, key: KeyRef) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await self._reads.ask(key, "balances")
        if answer is None:
            return
        balances = answers_of(key.venue_id).parse_balances(answer.status, answer.body)
        async with self._db.transaction() as tx:
            await store.put_balances(tx, key, balances, age_seconds=clock() - began)

    async def _open_orders(self, key: KeyRef) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await self._reads.ask(key, "open_orders")
        if answer is None:
            return
        found = answers_of(key.venue_id).parse_open_orders(answer.status, answer.body)
        async with self._db.transaction() as tx:
            await store.put_open_orders(tx, key, found, age_seconds=clock() - began)
        async with self._db.session() as tx:
            ours = await orders.at_venue(
                tx, key.trader_id, key.credential_id, known_seconds=clock() - began
            )
        listed = {order.client_order_id: order for order in found}
        for order in ours:
            shown = listed.get(order.client_order_id)
            if shown is None:
                # Not in the book any more: filled or gone, and only its own record says which.
                self._reconciler.look_up(order)
            elif shown.market == order.market and shown.filled_quantity > order.filled_quantity:
                await self._progress(order, shown, answer.body)

    async def _progress(self, order: Order, shown: OpenOrder, body: bytes) -> None:
        said = Outcome(
            state=OrderState.PARTIALLY_FILLED,
            venue_order_id=shown.venue_order_id,
            filled_quantity=shown.filled_quantity,
        )
        await self._outcomes.record(order.trader_id, order.order_id, lambda _: said, body)
