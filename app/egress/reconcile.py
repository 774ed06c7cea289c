"""Orders in doubt: ask the venue by our own id until it says something. Nothing is sent again."""

from app.core.clock import Clock
from app.db.pool import Database
from app.egress import rules
from app.egress.outcomes import Outcomes
from app.egress.reads import Desks, KeyRef, SignedReads
from app.egress.work import Patience, Work
from app.exchanges.answers import answers_of
from app.orders import store
from app.orders.models import Order, OrderState, Outcome

_BATCH = 500


class Reconciler:
    """`patience_seconds`: how long a released order may be without an outcome."""

    def __init__(
        self,
        db: Database,
        reads: SignedReads,
        desks: Desks,
        outcomes: Outcomes,
        work: Work,
        clock: Clock,
        *,
        patience_seconds: float,
    ) -> None:
        self._db = db
        self._reads = reads
        self._desks = desks
        self._outcomes = outcomes
        self._work = work
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._patience = Patience()

    async def step(self) -> None:
        async with self._db.session() as tx:
            orders = await store.in_doubt(
                tx, older_than_seconds=self._patience_seconds, limit=_BATCH
            )
        self._patience.forget_others({order.order_id for order in orders})
        for order in orders:
            if self._patience.may_ask(order.order_id):
                self.look_up(order)

    def look_up(self, order: Order) -> None:
        """Ask about one order in the background."""
        self._work.spawn(("look up", order.order_id), lambda: self._look_up(order))

    async def _look_up(self, order: Order) -> None:
        asked_at = self._clock.now()
        key = KeyRef(order.trader_id, order.credential_id, order.venue_id)
        answer = await self._reads.ask(key, "order", order.order_id)
        if answer is None:
            return
        parsed = answers_of(order.venue_id).parse_outcome(answer.status, answer.body, verb="status")
        route = self._desks[order.venue_id].route
        if rules.is_absent(route.dialect, "status", answer, parsed):
            if rules.can_still_arrive(
                order, window_seconds=route.receive_window_seconds, now=asked_at
            ):
                return
            # The venue takes no request this old: what it does not have, it never will.
            said = Outcome(state=OrderState.REJECTED, venue_code=parsed.venue_code)
        else:
            said = rules.outcome_of(order, parsed)
        if said.state is not OrderState.UNKNOWN:
            await self._outcomes.record(
                order.trader_id, order.order_id, lambda _: said, answer.body
            )
