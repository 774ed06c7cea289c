"""What happened lately, for the page: accepted messages and faults that struck."""

from collections import deque
from datetime import datetime
from typing import Literal

import msgspec

from mock_push.waiting import Waiters

MAX_EVENTS = 200

What = Literal["accepted", "fault", "cleared", "set", "started", "gone"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the page.

    Attributes
    ----------
    summary
        A few words for a person.
    content
        The whole message, for whoever opens the line.
    """

    n: int
    at: datetime
    channel: str
    target: str
    what: What
    summary: str
    content: object = None


class Journal:
    """The newest events, and a version that grows with every change worth showing."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._waiters = Waiters()
        self.version = 0

    def add(
        self,
        what: What,
        channel: str,
        target: str,
        summary: str,
        *,
        now: datetime,
        content: object = None,
    ) -> None:
        self.touch()
        event = Event(
            n=self.version,
            at=now,
            channel=channel,
            target=target,
            what=what,
            summary=summary,
            content=content,
        )
        self._events.append(event)

    def touch(self) -> None:
        """Something on the page changed that is no event, a read message for one."""
        self.version += 1
        self._waiters.wake()

    def newest(self) -> list[Event]:
        """The newest first."""
        return list(reversed(self._events))

    async def wait(self, seconds: float) -> float:
        return await self._waiters.wait(seconds)
