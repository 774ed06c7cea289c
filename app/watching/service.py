"""A device's stream: from a position of its trader's chain onwards, as long as it may hear."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import Clock
from app.core.errors import DomainError
from app.db.pool import Database
from app.guardrails.rungs import ALLOWED, Verb, rung_at
from app.tokens.models import Level
from app.watching import store
from app.watching.heads import Heads
from app.watching.models import Ended, Opened, Pulse, Reason, Told, Watcher
from app.watching.rules import CHANGES, TOLD

MOST_STREAMS = 2
"""Per device (DESIGN section 10) and process."""

PULSE_SECONDS = 15.0
"""Below the 30 s after which proxies and mobile networks give up a quiet connection."""

LONGEST = timedelta(hours=1)
"""Then it is opened anew, so that no proof of possession counts for longer."""

_PAGE = 200
_LOG = logging.getLogger(__name__)

Item = Opened | Told | Pulse | Ended


class Streams:
    """Streams of this process. Any number of processes may serve the same device."""

    def __init__(
        self,
        db: Database,
        heads: Heads,
        clock: Clock,
        stopping: asyncio.Event,
        *,
        pulse_seconds: float = PULSE_SECONDS,
    ) -> None:
        self._db = db
        self._heads = heads
        self._clock = clock
        self._stopping = stopping
        self._pulse_seconds = pulse_seconds
        self._open: dict[UUID, list[_Stream]] = {}

    async def watch(
        self, watcher: Watcher, *, after: int | None, wait_seconds: float | None = None
    ) -> AsyncIterator[Item]:
        """What happens after a position (None: from now on), until it ends with `Ended`.

        With `wait_seconds` it is a long poll: it ends with the first that happened, or when the
        time is up, and then without a last word. A third stream ends the device's first: behind a
        network that went away, that one may be open on our side only.
        """
        stream = _Stream(watcher, self._clock.now() + LONGEST, wait_seconds)
        mine = self._open.setdefault(watcher.token_id, [])
        for older in mine[: 1 - MOST_STREAMS or None]:
            older.is_replaced = True
            self._heads.rouse(watcher.trader_id)
        mine.append(stream)
        try:
            async for item in self._follow(stream, after):
                yield item
        except DomainError as fault:
            _LOG.warning("a stream was cut", extra={"code": fault.code})
            yield Ended("unavailable")
        finally:
            mine.remove(stream)
            if not mine:
                self._open.pop(watcher.token_id, None)

    async def _follow(self, stream: "_Stream", after: int | None) -> AsyncIterator[Item]:
        trader_id = stream.watcher.trader_id
        head = await self._heads.now(trader_id)
        position = head if after is None else min(after, head)
        yield Opened(position)
        while True:
            # (1) Whether it may hear, and only then what was there before that was asked.
            reason = await self._reason_to_end(stream)
            if reason is not None:
                yield Ended(reason)
                return
            told = await self._read(trader_id, position, head)
            for one in told:
                yield one
            position = told[-1].position if len(told) == _PAGE else head
            # (2) What changed under the token itself: the edge looks at it anew.
            if any(one.event in CHANGES and one.token_id in stream.watcher.path for one in told):
                yield Ended("token_changed")
                return
            if position < head:
                continue
            # (3) Wait, with everybody else who does.
            if stream.is_over(told):
                return
            news = await self._heads.beyond(trader_id, position, stream.pause(self._pulse_seconds))
            if news:
                head = await self._heads.now(trader_id)
            elif not stream.is_long_poll and not self._stopping.is_set():
                yield Pulse()

    async def _read(self, trader_id: UUID, position: int, head: int) -> list[Told]:
        if position >= head:
            return []
        async with self._db.session() as tx:
            return await store.after(tx, trader_id, position, until=head, events=TOLD, limit=_PAGE)

    async def _reason_to_end(self, stream: "_Stream") -> Reason | None:
        if self._stopping.is_set():
            return "stopping"
        if stream.is_replaced:
            return "replaced"
        async with self._db.session() as tx:
            standing = await store.standing(tx, stream.watcher.trader_id, stream.watcher.token_id)
        now = self._clock.now()
        if standing is None or standing.level is Level.REVOKED:
            return "revoked"
        if Verb.READ not in ALLOWED[rung_at(standing.level)]:
            return "contained"
        if standing.expires_at <= now:
            return "expired"
        stream.seconds_left = min(
            (standing.expires_at - now).total_seconds(), (stream.ends_at - now).total_seconds()
        )
        return "renew" if stream.ends_at <= now else None


class _Stream:
    def __init__(self, watcher: Watcher, ends_at: datetime, wait_seconds: float | None) -> None:
        self.watcher = watcher
        self.ends_at = ends_at
        self.is_long_poll = wait_seconds is not None
        self.is_replaced = False
        self.seconds_left = 0.0
        self._gives_up_at = asyncio.get_running_loop().time() + (wait_seconds or 0.0)

    def is_over(self, told: list[Told]) -> bool:
        return self.is_long_poll and (bool(told) or self._patience() <= 0)

    def pause(self, pulse_seconds: float) -> float:
        """Seconds to wait for news at most, before the token is looked at again."""
        pause = min(pulse_seconds, max(self.seconds_left, 0.01))
        return min(pause, self._patience()) if self.is_long_poll else pause

    def _patience(self) -> float:
        return self._gives_up_at - asyncio.get_running_loop().time()
