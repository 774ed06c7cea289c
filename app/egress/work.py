"""Background work: loops that survive what they meet, and tasks that never run twice at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any
from weakref import WeakValueDictionary

from app.core.errors import DomainError
from app.db.errors import Conflict
from app.egress.errors import AnswerLost, NotSent

_ASK_GAPS = (1.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between one asking and the next."""

_LOG = logging.getLogger(__name__)

Step = Callable[[], Awaitable[None]]


class Turns:
    """A lock per key, for as long as somebody holds it or waits."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: Hashable) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())


class Patience:
    """How often something is asked again: at once, then ever more slowly.

    Kept in memory only; what there is to ask about is in rows.
    """

    def __init__(self) -> None:
        self._asked: dict[Hashable, tuple[int, float]] = {}

    def may_ask(self, key: Hashable) -> bool:
        """Whether it is time to ask (again); if so it counts as asked."""
        now = asyncio.get_running_loop().time()
        asked, not_before = self._asked.get(key, (0, now))
        if now < not_before:
            return False
        gap = _ASK_GAPS[min(asked, len(_ASK_GAPS) - 1)]
        self._asked[key] = (asked + 1, now + gap)
        return True

    def forget_others(self, keys: set[Hashable]) -> None:
        """Keep in mind only what is still asked about."""
        self._asked = {key: asked for key, asked in self._asked.items() if key in keys}


class Work:
    """Everything a courier has under way, so that it can be stopped in order."""

    def __init__(self) -> None:
        self._loops: set[asyncio.Task[None]] = set()
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._troubles: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def repeat(self, name: str, seconds: float, step: Step) -> None:
        """Run `step` every `seconds`, whatever became of the last time."""
        self._loops.add(asyncio.create_task(self._loop(name, seconds, step), name=name))

    def spawn(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run `work` in the background, unless something with this key is still running."""
        if key in self._tasks:
            return False
        name = str(key[0]) if isinstance(key, tuple) else str(key)
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return True

    async def stop(self, *, grace_seconds: float) -> None:
        """End the loops, let what is under way finish, cancel what does not."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _loop(self, name: str, seconds: float, step: Step) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await self._guarded(name, step)
            await asyncio.sleep(max(0.0, began + seconds - clock()))

    async def _guarded(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        # A signer, venue or database that is away is told of once, not five times a second.
        try:
            await step()
        except DomainError as refused:
            self._trouble(name, refused.code)
        except (NotSent, AnswerLost) as lost:
            self._trouble(name, lost.reason)
        except Conflict as conflict:
            self._trouble(name, conflict.name or "conflict")
        except Exception:  # noqa: BLE001 - the last resort, logged with its places
            self._troubles[name] = "fault"
            _LOG.exception("%s failed", name)
        else:
            if self._troubles.pop(name, None) is not None:
                _LOG.info("%s works again", name)

    def _trouble(self, name: str, reason: str) -> None:
        if self._troubles.get(name) != reason:
            self._troubles[name] = reason
            _LOG.warning("%s does not work now", name, extra={"reason": reason})
