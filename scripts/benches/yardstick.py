"""Starts the bare handler with a database of its own on the same PostgreSQL server."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from scripts.benches import bare
from scripts.benches.common import BenchFailed
from scripts.benches.service import Service
from scripts.benches.traders import MARKET, Trader

DATABASE = "bench_bare"
_START_SECONDS = 10.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


async def make_database(service: Service, traders: Sequence[Trader]) -> None:
    """The same traders and grants as rows of the bare handler's tables."""
    async with service.owner("postgres") as connection:
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    async with service.owner(DATABASE) as connection:
        await fill(connection, [(trader.trader_id, trader.grant_id) for trader in traders])


async def fill(connection: Any, grants: Sequence[tuple[Any, Any]]) -> None:
    """Make the tables, with a row per (trader id, grant id)."""
    await connection.execute(bare.SCHEMA)
    await connection.executemany(
        "INSERT INTO trader (trader_id) VALUES ($1)", [(trader_id,) for trader_id, _ in grants]
    )
    await connection.executemany(
        "INSERT INTO bot_grant (trader_id, grant_id, max_order) VALUES ($1, $2, 1000)", grants
    )


@contextmanager
def running(
    service: Service, trader: Trader, program: str = "scripts.benches.bare"
) -> Iterator[str]:
    """The origin of the bare handler, or of `zones`, while it runs."""
    setup = bare.Setup(
        port=free_port(),
        login=service.login(DATABASE),
        sandbox_url=service.addresses.sandbox,
        market=MARKET,
        api_key=trader.venue_key.api_key_id,
        secret=trader.venue_key.secret.reveal(),
    )
    process = subprocess.Popen(  # noqa: S603 - one of two programs of ours
        [sys.executable, "-m", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches us first, and we end it in order
    )
    if process.stdin is not None:
        json.dump(asdict(setup), process.stdin)
        process.stdin.close()
    with until_ended(process, setup.port, what="the bare handler"):
        yield f"http://127.0.0.1:{setup.port}"


@contextmanager
def until_ended(process: subprocess.Popen[str], port: int, *, what: str) -> Iterator[None]:
    """Wait until a handler of ours says that it is ready and listens; end it in the end."""
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise BenchFailed(f"{what} did not start")
        _await_port(port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), _START_SECONDS).close()
        except ConnectionRefusedError:
            if time.monotonic() >= deadline:
                raise BenchFailed("the bare handler does not listen") from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
