"""A code that was used before comes again: somebody saw it. The owner is told."""

from contextlib import suppress
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.clock import Clock
from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Database
from app.deciding.ending import TOLD_FOR
from app.otp import store
from app.outbox import store as outbox
from app.outbox.models import Topic


class ReplayWarnings:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def warn(self, trader_id: UUID, factor_id: UUID, origin: Origin) -> None:
        """Log the replay, and ring the devices unless they were told a short while ago.

        In a transaction of its own, after the one that refused. Where it fails the refusal stands
        and is logged by itself.
        """
        with suppress(DomainError):
            async with self._db.locked(trader_id) as tx:
                now = self._clock.now()
                await append_locked(
                    tx,
                    Entry(
                        trader_id=trader_id,
                        event=Event.FACTOR_CODE_REPLAYED,
                        origin=origin,
                        subject_id=factor_id,
                        outcome="refused",
                    ),
                )
                if await store.may_warn(tx, trader_id, factor_id, now):
                    await outbox.ring(tx, trader_id, Topic.SECURITY, new_id(), now + TOLD_FOR)
