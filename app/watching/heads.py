"""One look at the heads of many chains, for everybody in this process who waits for news."""

import asyncio
import contextlib
import logging
from uuid import UUID

from app.core.errors import DomainError
from app.db.pool import Database
from app.watching import store

_LOG = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""Between two looks. A look is one statement by primary key, whoever many wait."""


class Heads:
    """Wakes who waits for a trader's locked chain to grow.

    No NOTIFY: it takes a lock of the whole database at every commit, and a hint that may be lost
    needs the look as well.
    """

    def __init__(
        self, db: Database, stopping: asyncio.Event, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._db = db
        self._stopping = stopping
        self._look_seconds = look_seconds
        self._waiting: dict[UUID, dict[asyncio.Future[None], int]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def now(self, trader_id: UUID) -> int:
        """The chain's last position; 0 of a trader of whom nothing was told yet."""
        async with self._db.session() as tx:
            return (await store.heads(tx, [trader_id])).get(trader_id, 0)

    async def beyond(self, trader_id: UUID, position: int, seconds: float) -> bool:
        """Wait until the chain is longer than `position`; False when the time is up, or at stop.

        True may also mean that somebody was roused for another reason: look again. Nothing is
        missed between reading `position` and calling this: the look compares.
        """
        if self._stopping.is_set() or seconds <= 0:
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(trader_id, {})[waiter] = position
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on())
        try:
            await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            return False
        finally:
            self._leave(trader_id, waiter)
        return not self._stopping.is_set()

    def rouse(self, trader_id: UUID) -> None:
        """Let go whoever waits for this trader here, news or not."""
        for waiter in self._waiting.get(trader_id, {}):
            _release(waiter)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def _leave(self, trader_id: UUID, waiter: asyncio.Future[None]) -> None:
        waiters = self._waiting.get(trader_id, {})
        waiters.pop(waiter, None)
        if not waiters:
            self._waiting.pop(trader_id, None)

    async def _look_on(self) -> None:
        is_away = False
        while self._waiting and not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._look_seconds)
            try:
                await self._look()
            except DomainError as fault:
                if not is_away:
                    _LOG.warning("nobody can look for news", extra={"code": fault.code})
                is_away = True
            else:
                is_away = False
        for waiters in self._waiting.values():  # the service stops: everybody is let go
            for waiter in waiters:
                _release(waiter)

    async def _look(self) -> None:
        async with self._db.session() as tx:
            heads = await store.heads(tx, self._waiting)
        for trader_id, head in heads.items():
            for waiter, position in self._waiting.get(trader_id, {}).items():
                if head > position:
                    _release(waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
