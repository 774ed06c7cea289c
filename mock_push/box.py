"""One receiver's messages: on their way, stored while it is away, handed over when it reads."""

from collections import deque
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from mock_push.transit import Carriage, Transit
from mock_push.waiting import Waiters

MAX_DELIVERED_KEPT = 1000  # for reading again; ours, to bound memory
AWAY_SLICE_SECONDS = 0.2  # how soon a held long-poll notices that its receiver is back

T = TypeVar("T")


class Numbered(msgspec.Struct, Generic[T], frozen=True):
    """`n` grows in the order of arrival; a reader's cursor."""

    n: int
    content: T


class Box(Generic[T]):
    """One receiver's messages. Belongs to one event loop and is not thread-safe.

    Parameters
    ----------
    first_n
        The number of the first message.
    """

    def __init__(self, first_n: int = 1) -> None:
        self._next_n = first_n
        self._transit: Transit[T] = Transit()
        self._stored: list[Numbered[T]] = []
        self._delivered: deque[Numbered[T]] = deque(maxlen=MAX_DELIVERED_KEPT)
        self._waiters = Waiters()

    @property
    def waiting(self) -> int:
        return self._waiters.count

    @property
    def counts(self) -> dict[str, int]:
        """For the page: how many are on their way, stored, handed over."""
        return {
            "held": len(self._transit),
            "stored": len(self._stored),
            "delivered": len(self._delivered),
        }

    def put(
        self, content: T, *, now: datetime, carriage: Carriage | None = None, away: bool = False
    ) -> None:
        """Accept a message.

        Parameters
        ----------
        carriage
            What befalls it on the way; None lets it arrive at once.
        away
            The receiver cannot be reached now, even if a reader waits.
        """
        for arrived in self._transit.accept(content, carriage, now):
            self._arrive(arrived, now=now, away=away)
        self.wake()

    def take(self, *, after: int, now: datetime, away: bool = False) -> list[Numbered[T]]:
        """Hand over everything stored and return what is newer than the cursor."""
        for arrived in self._transit.due(now):
            self._arrive(arrived, now=now, away=away)
        if away:
            return []
        self._hand_over(now)
        return [item for item in self._delivered if item.n > after]

    def wake(self) -> None:
        self._waiters.wake()

    async def wait(self, seconds: float, *, now: datetime, away: bool = False) -> float:
        """Wait for a change, at most so long, and return the seconds left.

        Ends early when something held comes due, or to look whether the receiver is back.
        """
        ends = [seconds, *([AWAY_SLICE_SECONDS] if away else [])]
        next_due = self._transit.seconds_to_next(now)
        slice_seconds = min(ends if next_due is None else [*ends, next_due])
        left = await self._waiters.wait(slice_seconds)
        return seconds - slice_seconds + left

    def _arrive(self, content: T, *, now: datetime, away: bool) -> None:
        if not away and self.waiting:
            self._deliver(content, now)
        else:
            self._stored.append(self._number(content))

    def _deliver(self, content: T, now: datetime) -> None:
        self._hand_over(now)  # what was stored while the receiver was away comes first
        self._delivered.append(self._number(content))

    def _hand_over(self, now: datetime) -> None:  # noqa: ARG002 an inbox expires by it
        self._delivered.extend(self._stored)
        self._stored = []

    def _number(self, content: T) -> Numbered[T]:
        item = Numbered(self._next_n, content)
        self._next_n += 1
        return item
