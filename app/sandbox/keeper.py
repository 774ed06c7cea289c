"""Writes the snapshot: at once for keys, soon after for orders."""

import asyncio
import time
from pathlib import Path

from app.sandbox import state
from app.sandbox.venue import Venue

# An order may be lost in a crash of the sandbox within this time; a key never is.
INTERVAL_SECONDS = 0.25
# Encoding stops the loop, so it may take one part in this many of the time.
SHARE = 50


class Keeper:
    """Does nothing without a directory: the sandbox is then in memory only."""

    def __init__(self, venue: Venue, directory: Path | None) -> None:
        self._venue = venue
        self._directory = directory
        self._dirty = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._encode_seconds = 0.0

    def start(self) -> None:
        if self._directory is not None:
            self._task = asyncio.create_task(self._run())

    def touch(self) -> None:
        self._dirty.set()

    async def write(self) -> None:
        """Return when the state of now is on disk."""
        if self._directory is None:
            return
        async with self._writing:
            self._dirty.clear()
            started = time.monotonic()
            data = state.encode(self._venue)
            self._encode_seconds = time.monotonic() - started
            await asyncio.to_thread(state.save, self._directory, data)

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self.write()

    async def _run(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(max(INTERVAL_SECONDS, self._encode_seconds * SHARE))
            await self.write()
