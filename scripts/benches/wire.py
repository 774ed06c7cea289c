"""A client that costs little: ready-made HTTP/1.1 requests on raw keep-alive connections."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from scripts.benches.common import BenchFailed

_CHUNK_BYTES = 1 << 16
_PATIENCE_SECONDS = 10.0
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Timed:
    """From the first byte sent to the last byte of the answer."""

    seconds: float
    status: int
    body: bytes


def request(origin: str, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """One request as it goes over the connection."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {urlsplit(origin).netloc}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode("ascii") + _END_OF_HEAD + body


class Connection:
    """One kept-alive connection, one request at a time."""

    def __init__(self, origin: str) -> None:
        where = urlsplit(origin)
        self._socket = socket.create_connection(
            (where.hostname or "", where.port or 80), _PATIENCE_SECONDS
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._began = 0.0

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def exchange(self, ready: bytes) -> Timed:
        """Send and wait for the whole answer."""
        self.send(ready)
        while (answer := self.receive()) is None:
            pass
        return answer

    def send(self, ready: bytes) -> None:
        self._received.clear()
        self._began = time.perf_counter()
        self._socket.sendall(ready)

    def receive(self) -> Timed | None:
        """What arrived since; None while the answer is not whole."""
        part = self._socket.recv(_CHUNK_BYTES)
        if not part:
            raise BenchFailed("the server hung up")
        self._received += part
        head, found, body = bytes(self._received).partition(_END_OF_HEAD)
        if not found or len(body) < content_length(head):
            return None
        return Timed(time.perf_counter() - self._began, int(head[9:12]), body)


def at_once(origin: str, ready: Sequence[Sequence[bytes]]) -> tuple[list[Timed], float]:
    """One client per list, all of them in turn; the answers, and the seconds it all took."""
    with selectors.DefaultSelector() as selector:
        waiting: dict[Connection, deque[bytes]] = {}
        answers: list[Timed] = []
        try:
            for queue in ready:
                connection = Connection(origin)
                waiting[connection] = deque(queue)
                selector.register(connection, selectors.EVENT_READ, connection)
            began = time.perf_counter()
            for connection, queue_left in waiting.items():
                connection.send(queue_left.popleft())
            total = sum(map(len, ready))
            while len(answers) < total:
                events = selector.select(_PATIENCE_SECONDS)
                if not events:
                    raise BenchFailed("no answer in time")
                for key, _ in events:
                    answer = key.data.receive()
                    if answer is None:
                        continue
                    answers.append(answer)
                    if waiting[key.data]:
                        key.data.send(waiting[key.data].popleft())
            return answers, time.perf_counter() - began
        finally:
            for connection in waiting:
                connection.close()


def check(answers: Sequence[Timed], expected: HTTPStatus, *, what: str) -> None:
    """Raise BenchFailed unless every answer has the status: a refusal is quick and no result."""
    for answer in answers:
        if answer.status != expected:
            said = answer.body[:300].decode(errors="replace")
            raise BenchFailed(f"{what} answered {answer.status} instead of {expected}: {said}")


def content_length(head: bytes) -> int:
    """Bytes of the body that follows a response's head."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise BenchFailed("an answer without Content-Length")
