"""A client that costs little, for many calls at once: kept-alive HTTP/1.1 on asyncio."""

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from scripts.benches import wire

_PATIENCE_SECONDS = 30.0
_END_OF_HEAD = b"\r\n\r\n"
_FAULT = 500


class Answer(NamedTuple):
    """Status 0: there was none."""

    status: int
    body: bytes
    head: bytes = b""

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        for line in self.head.split(b"\r\n"):
            found, _, value = line.partition(b":")
            if found.decode("latin-1").lower() == name:
                return value.strip().decode("latin-1")
        return ""

    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded

    @property
    def is_unknown(self) -> bool:
        """Whether it may have happened or not."""
        return self.status == 0 or self.status >= _FAULT


class Client:
    """One origin. `origin` is what requests and proofs name; the connection goes to `address`."""

    def __init__(self, address: str, origin: str) -> None:
        where = urlsplit(address)
        self.address, self.origin = address, origin
        self._host, self._port = where.hostname or "", where.port or 80
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def close(self) -> None:
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def call(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Send once and read the whole answer; a lost connection is an answer of status 0."""
        if body:
            headers = {"Content-Type": "application/json", **headers}
        ready = wire.request(self.origin, method, path, headers, body)
        try:
            return await asyncio.wait_for(self._exchange(ready), _PATIENCE_SECONDS)
        except (OSError, EOFError, TimeoutError):
            return Answer(0, b"")

    async def _exchange(self, ready: bytes) -> Answer:
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(ready)
            head = await reader.readuntil(_END_OF_HEAD)
            body = await reader.readexactly(wire.content_length(head))
        except BaseException:
            writer.transport.abort()
            raise
        self._idle.append((reader, writer))
        return Answer(int(head[9:12]), body, head)
