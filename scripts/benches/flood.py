"""A client that does not wait: it offers requests at a rate, whatever comes back.

A process of its own, so that the one whose latency is measured shares no loop with it.
"""

import multiprocessing
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from scripts.benches.common import BenchFailed

CONNECTIONS = 512
"""Enough that hardly one request waits for an answered connection, below the usual file limit."""

_CHUNK_BYTES = 1 << 14
_SELECT_SECONDS = 0.001
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Flooded:
    """What was offered and answered. `missed` were due while every connection was taken."""

    seconds: float
    sent: int
    missed: int
    statuses: dict[int, int]


class _Wave:
    def __init__(self, origin: str, ready: Sequence[bytes], rate: float) -> None:
        self._where = urlsplit(origin)
        self._ready, self._rate = ready, rate
        self._selector = selectors.DefaultSelector()
        self._idle: deque[socket.socket] = deque()
        self._statuses: Counter[int] = Counter()
        self._sent = self._missed = self._next = 0

    def open(self) -> None:
        for _ in range(CONNECTIONS):
            self._connect()

    def run(self, told: Connection) -> Flooded:
        began = time.perf_counter()
        while not told.poll():
            due = int((time.perf_counter() - began) * self._rate) - self._sent - self._missed
            for _ in range(due):
                self._send_one()
            for key, _ in self._selector.select(_SELECT_SECONDS):
                self._receive(key.fileobj)  # type: ignore[arg-type]
        took = time.perf_counter() - began
        return Flooded(took, self._sent, self._missed, dict(self._statuses))

    def _connect(self) -> None:
        line = socket.create_connection((self._where.hostname or "", self._where.port or 80))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(line, selectors.EVENT_READ)
        self._idle.append(line)

    def _send_one(self) -> None:
        if not self._idle:
            self._missed += 1
            return
        line = self._idle.popleft()
        line.sendall(self._ready[self._next % len(self._ready)])
        self._next += 1
        self._sent += 1

    def _receive(self, line: socket.socket) -> None:
        # An answer here is a few hundred bytes: one segment, whole or not at all.
        data = line.recv(_CHUNK_BYTES)
        if data.startswith(b"HTTP/1.1 "):
            self._statuses[int(data[9:12])] += 1
            self._idle.append(line)
        elif not data:
            self._selector.unregister(line)
            line.close()
            self._connect()


def _main(origin: str, ready: Sequence[bytes], rate: float, told: Connection) -> None:
    wave = _Wave(origin, ready, rate)
    wave.open()
    told.send("ready")
    told.send(wave.run(told))


class Flood:
    """A flood under way; `end` stops it and says what it did."""

    def __init__(self, ours: Connection) -> None:
        self._ours = ours

    def end(self) -> Flooded:
        self._ours.send("stop")
        if not self._ours.poll(_STOP_SECONDS):
            raise BenchFailed("the flood did not end")
        flooded: Flooded = self._ours.recv()
        return flooded


@contextmanager
def flood(origin: str, ready: Sequence[bytes], rate: float) -> Iterator[Flood]:
    """Offer `ready`, over and over, at `rate` requests a second until it is ended."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(origin, ready, rate, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(_STOP_SECONDS) or ours.recv() != "ready":
            raise BenchFailed("the flood did not begin")
        yield Flood(ours)
    finally:
        process.terminate()
        process.join()
