"""Drain one channel of the outbox: lease, hand out, never more than so many at once.

Each channel has a loop of its own with its own slots, so that one whose far end hangs delays no
other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from app.core.errors import DomainError

_LOG = logging.getLogger(__name__)

M = TypeVar("M")


class LoopPace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast and how much; durations in seconds."""

    slots: int = 30
    """Messages under way at once."""
    poll_seconds: float = 0.15
    """An empty look takes PostgreSQL 0.06 ms; NOTIFY would take a lock of the whole database at
    every commit."""
    lease_seconds: float = 30.0
    """Longer than the slowest send (4 x 5 s), and how long a killed dispatcher's messages wait."""
    fault_seconds: float = 1.0
    """Pause while the database is away."""
    drain_seconds: float = 4.0
    """Time for sends under way when asked to stop; `tripcord up` kills after 5."""


class Loop(Generic[M]):
    """`lease` takes up to so many due messages, `deliver` sees one through and never raises."""

    def __init__(
        self,
        lease: Callable[[int], Awaitable[Sequence[M]]],
        deliver: Callable[[M], Coroutine[Any, Any, None]],
        pace: LoopPace,
    ) -> None:
        self._lease = lease
        self._deliver = deliver
        self._pace = pace
        self._under_way: set[asyncio.Task[None]] = set()
        self._database_is_away = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let sends under way end.

        What does not end in time keeps its lease, and another dispatcher takes it when that is
        over.
        """
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                there_is_more = await self._take()
                await self._pause(stopping, there_is_more=there_is_more)
        finally:
            stopping.cancel()
            await self._drain()

    async def _take(self) -> bool:
        """Lease as many messages as there are free slots and set out to send each.

        Returns whether more may be waiting.
        """
        free = self._pace.slots - len(self._under_way)
        if not free:
            return True
        try:
            messages = await self._lease(free)
        except DomainError as fault:
            if not self._database_is_away:
                _LOG.error("outbox cannot be read", extra={"code": fault.code})
            self._database_is_away = True
            return False
        if self._database_is_away:
            _LOG.info("outbox can be read again")
        self._database_is_away = False
        for message in messages:
            task = asyncio.create_task(self._deliver(message))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(messages) == free

    async def _pause(self, stopping: asyncio.Task[bool], *, there_is_more: bool) -> None:
        """Wait until it is worth looking again: with a backlog, as soon as a slot is free."""
        awaited = {stopping, *self._under_way} if there_is_more else {stopping}
        pace = self._pace
        seconds = pace.fault_seconds if self._database_is_away else pace.poll_seconds
        await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _drain(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._pace.drain_seconds)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
