"""Long-polls: readers that wait until something changes."""

import asyncio
from time import monotonic


class Waiters:
    """The readers held on one thing. Belongs to one event loop and is not thread-safe.

    Attributes
    ----------
    count
        How many wait at the moment.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.count = 0

    def wake(self) -> None:
        """Let every waiting reader look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> float:
        """Wait for a change, at most so long, and return the seconds left."""
        deadline = monotonic() + seconds
        self.count += 1
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return 0
        finally:
            self.count -= 1
        return max(0, deadline - monotonic())
