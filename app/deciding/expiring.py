"""Write down what is expired already. Expiry is a comparison with the clock; this only shows it."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store
from app.core.clock import Clock
from app.core.origin import Origin
from app.db.pool import Database

MAX_OVERDUE = 100
"""Approvals written down in one sweep; the rest comes in the next."""


class Expiring:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def sweep(self) -> list[UUID]:
        """Mark overdue pending approvals as expired, each under its trader's lock, and log it."""
        now = self._clock.now()
        async with self._db.session() as tx:
            overdue = await store.overdue(tx, now, MAX_OVERDUE)
        ended = []
        for trader_id, approval_id in overdue:
            async with self._db.locked(trader_id) as tx:
                if not await store.expire(tx, trader_id, approval_id, now):
                    continue
                await append_locked(
                    tx,
                    Entry(
                        trader_id=trader_id,
                        event=Event.APPROVAL_EXPIRED,
                        origin=Origin(actor="signer"),
                        subject_id=approval_id,
                    ),
                )
            ended.append(approval_id)
        return ended
