"""Connections that are held and lent.

asyncpg's own pool starts two tasks for every use (a deadline and a shielded return), which cost as
much as a short query. Here a free connection is a list's last element, taken and given back without
an await; a task waits only when all are lent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Connect = Callable[[], Awaitable[Any]]


class Lending:
    """Opens up to `most` connections, when they are first needed, and again after one was lost.

    The last one given back is lent first: its plans and its server's caches are warm.
    """

    def __init__(self, connect: Connect, *, most: int) -> None:
        self._connect = connect
        self._room = most
        """How many more may be opened. Who opens one has taken the room for it before."""
        self._free: list[Any] = []
        self._all: set[Any] = set()
        self._waiting: deque[asyncio.Future[Any | None]] = deque()
        self._closed = False

    async def open(self, count: int) -> None:
        """Connect `count` times, now."""
        for connection in [await self.take(10.0) for _ in range(count)]:
            self.give_back(connection)

    async def take(self, patience_seconds: float) -> Any:
        """A free connection; TimeoutError when none is free in time, or what connecting raises."""
        if (connection := self._from_free()) is not None:
            return connection
        async with asyncio.timeout(patience_seconds):
            if self._room:
                self._room -= 1
                return await self._open_one()
            handed = await self._wait()
            if handed is None:
                return await self._open_one()
            return handed

    def give_back(self, connection: Any) -> None:
        """A lent connection is free again, unless it is broken: then there is room for another."""
        if connection.is_closed() or connection.is_in_transaction() or self._closed:
            self.drop(connection)
        elif not self._hand_over(connection):
            self._free.append(connection)

    def drop(self, connection: Any) -> None:
        """Close a lent connection whose state nobody knows."""
        self._all.discard(connection)
        connection.terminate()
        self._leave_room()

    async def close(self, patience_seconds: float) -> None:
        """Close what is free in order; what is still lent after a while is cut off."""
        self._closed = True
        deadline = asyncio.get_running_loop().time() + patience_seconds
        try:
            async with asyncio.timeout_at(deadline):
                while self._free:
                    connection = self._free.pop()
                    await connection.close()
                    self._all.discard(connection)
        except TimeoutError:
            pass
        for connection in self._all:
            connection.terminate()
        self._all.clear()

    def _from_free(self) -> Any | None:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._all.discard(connection)  # the server ended it while nobody used it
            self._room += 1
        return None

    async def _open_one(self) -> Any:
        try:
            connection = await self._connect()
        except BaseException:
            self._leave_room()
            raise
        self._all.add(connection)
        return connection

    def _leave_room(self) -> None:
        if not self._hand_over(None):
            self._room += 1

    async def _wait(self) -> Any | None:
        """The next connection that is given back, or None where there is room for a new one."""
        place: asyncio.Future[Any | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(place)
            elif (connection := place.result()) is not None:
                self.give_back(connection)  # it was our turn, and we are gone
            else:
                self._leave_room()
            raise

    def _hand_over(self, connection: Any | None) -> bool:
        """Give it to who has waited longest; False when nobody waits."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(connection)
                return True
        return False
