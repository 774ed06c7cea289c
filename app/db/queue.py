"""How many may wait for one trader's lock in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.db.errors import TraderBusy

MAX_WAITERS = 4
"""Per trader and process, besides the one that holds the lock; a revoke never stands in line."""


class TraderQueue:
    def __init__(self) -> None:
        self._inside: Counter[UUID] = Counter()

    @contextmanager
    def place(self, trader_id: UUID) -> Iterator[None]:
        """Take a place, or raise TraderBusy."""
        if self._inside[trader_id] > MAX_WAITERS:
            raise TraderBusy(retry_after_seconds=1)
        self._inside[trader_id] += 1
        try:
            yield
        finally:
            self._inside[trader_id] -= 1
            if not self._inside[trader_id]:
                del self._inside[trader_id]
