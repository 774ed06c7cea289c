"""How many sealing keys one device may have opened lately: the HSM has room for a thousand."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from uuid import UUID

from app.enrolment.errors import TooManySealingKeys

WINDOW = timedelta(minutes=10)
"""The life of a sealing key."""

PER_DEVICE = 8
"""Openings in a window: a few mistyped keys, and far from the thousand that all devices share."""

_MAX_DEVICES = 10_000


class Openings:
    """Counts in this process's memory: it holds the sealing keys, and forgets with them."""

    def __init__(self) -> None:
        self._times: OrderedDict[UUID, deque[datetime]] = OrderedDict()

    def check(self, device_id: UUID, now: datetime) -> None:
        """Count one opening, or raise TooManySealingKeys."""
        times = self._times.setdefault(device_id, deque(maxlen=PER_DEVICE))
        self._times.move_to_end(device_id)
        if len(self._times) > _MAX_DEVICES:
            self._times.popitem(last=False)
        if len(times) == PER_DEVICE and now - times[0] < WINDOW:
            wait = WINDOW - (now - times[0])
            raise TooManySealingKeys(retry_after_seconds=int(wait.total_seconds()) + 1)
        times.append(now)
