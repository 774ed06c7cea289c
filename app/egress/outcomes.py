"""What a venue said of an order, as a row, a log entry and a settled reservation: one commit."""

import logging
from collections.abc import Callable
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.canonical import sha256
from app.core.origin import Origin
from app.db.pool import Tx
from app.egress.revocation_store import Revocation
from app.egress.writes import LockedWrites
from app.orders import rules, store
from app.orders.models import Order, OrderState, Outcome

COURIER = Origin(actor="courier")

_FAILED = frozenset({OrderState.REJECTED, OrderState.UNKNOWN})
_LOG = logging.getLogger(__name__)


class Outcomes:
    """`on_change` is told the trader and credential of an order that moved."""

    def __init__(self, writes: LockedWrites, on_change: Callable[[Order], None]) -> None:
        self._writes = writes
        self._on_change = on_change

    async def record(
        self,
        trader_id: UUID,
        order_id: UUID,
        said: Callable[[Order], Outcome],
        answer: bytes | None,
    ) -> None:
        """Store what `said` makes of the order as it is under the lock; late words change nothing.

        Raises
        ------
        DatabaseUnavailable, TraderBusy
            Not stored. The row still says that the venue must be asked.
        """

        async def body(tx: Tx) -> Order | None:
            order = await store.get(tx, trader_id, order_id)
            if order is None:
                _LOG.error("outcome of an unknown order", extra={"order_id": order_id})
                return None
            return order if await apply(tx, order, said(order), answer) else None

        moved = await self._writes.run(trader_id, body)
        if moved is not None:
            self._on_change(moved)


async def apply(tx: Tx, order: Order, said: Outcome, answer: bytes | None) -> bool:
    """Move the order and log it, inside the caller's locked transaction. False: nothing new."""
    outcome = rules.next_outcome(order, said)
    return outcome is not None and await store.move(
        tx,
        order,
        outcome,
        actor=COURIER.actor,
        ok=outcome.state not in _FAILED,
        answer_digest=None if answer is None else sha256(answer),
        words=_words(order, outcome),
    )


async def log_cleanup(
    tx: Tx, revocation: Revocation, *, subject_id: UUID, rule: str, ok: bool, words: str
) -> None:
    """Log what became of one item (an order, a key) of a revoke, in the caller's transaction."""
    await append_locked(
        tx,
        Entry(
            trader_id=revocation.trader_id,
            event=Event.CLEANUP_OUTCOME,
            origin=COURIER,
            outcome="ok" if ok else "failed",
            token_id=revocation.token_id,
            path=revocation.path,
            subject_id=subject_id,
            rule=rule,
            venue_outcome=words,
        ),
    )


def _words(order: Order, outcome: Outcome) -> str:
    """Such as "partially_filled 0.01 of 0.05" or "rejected -2010"."""
    parts: list[str] = [outcome.state]
    if outcome.filled_quantity:
        parts.append(f"{outcome.filled_quantity} of {order.quantity}")
    if outcome.venue_code:
        parts.append(outcome.venue_code)
    return " ".join(parts)
