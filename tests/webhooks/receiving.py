"""A platform's server that answers as a test says, and keeps what came."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple


class Delivery(NamedTuple):
    head: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int = 202
    body: bytes = b""
    location: str | None = None
    delay_seconds: float = 0.0


class Server:
    """`answers` are given in order, then `default`; `connections` counts every accept."""

    def __init__(self, default: Answer) -> None:
        self.default = default
        self.answers: deque[Answer] = deque()
        self.deliveries: list[Delivery] = []
        self.connections = 0
        self.port = 0
        self.written = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            pairs = (line.partition(":") for line in lines[1:] if line)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.deliveries.append(Delivery(lines[0], headers, body))
            answer = self.answers.popleft() if self.answers else self.default
            await asyncio.sleep(answer.delay_seconds)
            more = f"Location: {answer.location}\r\n" if answer.location else ""
            size = len(answer.body)
            writer.write(
                f"HTTP/1.1 {answer.status} x\r\nContent-Length: {size}\r\n{more}\r\n".encode()
            )
            for start in range(0, size, 65536):
                writer.write(answer.body[start : start + 65536])
                await writer.drain()
                self.written += min(65536, size - start)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(
    default: Answer | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    host: str | list[str] = "127.0.0.1",
) -> AsyncIterator[Server]:
    server = Server(default or Answer())
    listening = await asyncio.start_server(server.serve, host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
