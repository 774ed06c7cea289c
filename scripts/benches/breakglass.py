"""`bench breakglass`: how long break-glass takes while ten times too much is asked of the api.

First what the machine can serve: authenticated reads at 32 clients. Then ten times that rate is
offered by another process, without waiting for answers, while phones pull the cord one after the
other, each over a connection of its own, as a phone would. `ratio` is the 99th percentile of
their time, connecting included, by the 250 ms it may take. After each pull its receipt is checked
and the phone's own token must be dead.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus

from rich.console import Console

from scripts.benches import wire
from scripts.benches.common import (
    BenchFailed,
    Figures,
    Result,
    machine,
    percentile,
    spread,
)
from scripts.benches.flood import Flooded, flood
from scripts.benches.service import service
from scripts.benches.traders import Desk
from scripts.benches.wire import Connection
from scripts.clients.phone import Phone

GOAL = 1.0
MILLISECONDS = 250.0
TIMES = 10

_CLIENTS = 32
_EACH = 40
_PULLS = 120
_PAUSE_SECONDS = 0.05
_READERS = 8
_READ = "/v1/devices"
_PREPARED_SECONDS = 3
"""Of reads with unused proofs; then they come again, are refused as replays, and cost as much."""


def run(console: Console, *, pulls: int = _PULLS) -> Result:
    """Measure on a service of our own; about a minute.

    Raises
    ------
    BenchFailed
        A pull was refused, its phone lives on, or the api was never overloaded.
    """
    with service(console) as running:
        origin = running.addresses.api
        console.print(f"enrolling {pulls + _READERS} phones")
        phones = Desk(running).phones(pulls + _READERS)
        readers, pullers = phones[:_READERS], phones[_READERS:]
        before = machine(running.directory)
        capacity = _capacity(origin, readers)
        calm = _pull_all(origin, pullers[: pulls // 6])
        console.print(f"{capacity:.0f} reads/s served; now {TIMES} times that is offered")
        ready = _reads(origin, readers, int(capacity * TIMES * _PREPARED_SECONDS))
        with flood(origin, ready, capacity * TIMES) as wave:
            time.sleep(1)
            pulled = _pull_all(origin, pullers[pulls // 6 :])
            flooded = wave.end()
    p99 = percentile(pulled, 99) * 1000
    figures: Figures = {
        "served_per_second": round(capacity),
        "offered_per_second": round((flooded.sent + flooded.missed) / flooded.seconds),
        "sent_per_second": round(flooded.sent / flooded.seconds),
        "answers": {str(status): n for status, n in sorted(flooded.statuses.items())},
        "pulls": len(pulled),
        "p99_ms": round(p99, 1),
        "under_load": spread(pulled),
        "without_load": spread(calm),
        "machine": before,
    }
    _check_overloaded(flooded)
    return Result("breakglass", p99 / MILLISECONDS, GOAL, figures)


def _capacity(origin: str, readers: Sequence[Phone]) -> float:
    """Reads a second that are answered when everybody waits for their answer."""
    queues = [_reads(origin, readers, _EACH) for _ in range(_CLIENTS)]
    wire.at_once(origin, [queue[:5] for queue in queues])
    queues = [_reads(origin, readers, _EACH) for _ in range(_CLIENTS)]
    answers, seconds = wire.at_once(origin, queues)
    wire.check(answers, HTTPStatus.OK, what="a read")
    return len(answers) / seconds


def _reads(origin: str, readers: Sequence[Phone], count: int) -> list[bytes]:
    return [_request(origin, readers[n % len(readers)], "GET", _READ) for n in range(count)]


def _request(origin: str, phone: Phone, method: str, path: str, body: bytes = b"") -> bytes:
    headers = phone.auth.headers(method, origin + path, None)
    headers |= {"Content-Type": "application/json"} if body else {}
    return wire.request(origin, method, path, headers, body)


def _pull_all(origin: str, phones: Sequence[Phone]) -> list[float]:
    return [_pull(origin, phone) for phone in phones]


def _pull(origin: str, phone: Phone) -> float:
    ready = _request(origin, phone, "POST", "/v1/break-glass", b"{}")
    time.sleep(_PAUSE_SECONDS)
    began = time.perf_counter()
    with closing(Connection(origin)) as line:
        answer = line.exchange(ready)
        took = time.perf_counter() - began
        wire.check([answer], HTTPStatus.OK, what="break-glass")
        # Again, over the same line: the token that pulled is dead. (Never shed, so always said.)
        again = line.exchange(_request(origin, phone, "POST", "/v1/break-glass", b"{}"))
        wire.check([again], HTTPStatus.UNAUTHORIZED, what="a second pull")
    return took


def _check_overloaded(flooded: Flooded) -> None:
    """A load that was served whole is no overload, and a fast pull beside it no result."""
    served = flooded.statuses.get(HTTPStatus.OK, 0)
    if served > flooded.sent / 2:
        raise BenchFailed(f"the api answered {served} of {flooded.sent}: this was no overload")
