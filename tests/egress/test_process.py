"""`python -m app.courierd` as it is run: its loops, its logs, its death and its return."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from app.cli.migrate import with_login
from tests.egress.conftest import until
from tests.egress.rows import Trader, add_order, add_trader, order_row, revoke, usage
from tests.egress.signer import StandInSigner
from tests.egress.venue import REPOSITORY, SandboxProcess
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.timeout(90)


class Courierd:
    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self._started: list[Process] = []

    async def start(self, **changes: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.courierd"),
            cwd=REPOSITORY,
            env=self.environ | changes,
            stdout=PIPE,
            stderr=PIPE,
        )
        self._started.append(process)
        return process

    async def end(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def courierd(
    fresh_database: FreshDatabase,
    folder: Path,
    signer: StandInSigner,
    sandbox: SandboxProcess,
) -> AsyncIterator[Courierd]:
    role = "tripcord_courier"
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TRIPCORD_")}
    running = Courierd(
        ours
        | {
            "TRIPCORD_DATABASE_DSN": with_login(
                fresh_database.server_dsn, role, fresh_database.name
            ),
            "TRIPCORD_DATABASE_PASSWORD": fresh_database.passwords[role],
            "TRIPCORD_SANDBOX_URL": sandbox.url,
            "TRIPCORD_SIGNER_COURIER_SOCKET": str(signer.socket),
            "TRIPCORD_COURIER_SOCKET": str(folder / "courier.sock"),
            "TRIPCORD_LOG_LEVEL": "debug",
        }
    )
    yield running
    await running.end()


async def test_the_whole_courier_from_a_new_key_to_a_revoke(
    courierd: Courierd,
    signer: StandInSigner,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    process = await courierd.start()
    signer.know(await add_trader(rows, sandbox.new_key(), state="pending"))
    await until(lambda: _truth(bool(signer.answers)))

    trader = await add_trader(rows, sandbox.new_key())
    signer.know(trader)
    for table in ("market_price", "market_snapshot", "venue_balance"):
        await until(partial(rows.fetchval, f"SELECT EXISTS (SELECT FROM {table})"))

    sandbox.break_once("error500_after_execute")
    order_id = await add_order(rows, trader, price=Decimal(40000))
    await signer.hand_over(order_id)
    await until(lambda: _is(rows, order_id, "accepted"))

    revocation_id = await revoke(rows, trader, trader.root_id, datetime.now(tz=UTC))
    await until(lambda: _is(rows, order_id, "cancelled"))
    await until(
        lambda: rows.fetchval(
            "SELECT cleanup_state = 'done' FROM revocation WHERE revocation_id = $1", revocation_id
        )
    )
    assert await usage(rows, trader) == [0, 0, 0]
    assert sandbox.account(trader.api_key)["open_orders"] == []

    process.send_signal(signal.SIGTERM)
    lines = await _log(process)
    assert process.returncode == 0
    assert [lines[0]["event"], lines[-1]["event"]] == ["courier ready", "courier stopped"]
    text = json.dumps(lines)
    for capability in ("signature", "/api/v3/", trader.api_key, trader.secret):
        assert capability not in text


async def test_a_killed_courier_comes_back_and_finishes_without_sending_again(
    courierd: Courierd,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    first = await courierd.start()
    await until(lambda: _truth(signer.asked["balances"] > 0))  # it is at work
    # The venue has it, the answer hangs, the courier dies: nobody knows.
    sandbox.break_once("hang_after_execute", ms=30_000)
    order_id = await add_order(rows, trader, price=Decimal(40000))
    await signer.hand_over(order_id)
    await until(lambda: _truth(bool(sandbox.account(trader.api_key)["open_orders"])))
    first.kill()
    await first.wait()
    assert (await order_row(rows, order_id))["state"] == "released"
    # Another one was released while nobody was there to send it.
    never_sent = await add_order(
        rows, trader, released_at=datetime.fromtimestamp(1_700_000_000, tz=UTC)
    )
    revocation_id = await revoke(rows, trader, trader.grant_id, datetime.now(tz=UTC))

    await courierd.start()
    await until(lambda: _is(rows, order_id, "cancelled"))
    await until(lambda: _is(rows, never_sent, "rejected"))
    await until(
        lambda: rows.fetchval(
            "SELECT cleanup_state = 'done' FROM revocation WHERE revocation_id = $1", revocation_id
        )
    )
    assert sandbox.account(trader.api_key)["open_orders"] == []
    assert await usage(rows, trader) == [0, 0, 0]


async def test_a_sandbox_elsewhere_than_on_loopback_stops_it(courierd: Courierd) -> None:
    process = await courierd.start(TRIPCORD_SANDBOX_URL="https://sandbox.example")
    lines = await _log(process)
    assert process.returncode == os.EX_CONFIG
    assert "SANDBOX_URL" in str(lines[-1]["problem"])


async def _truth(value: bool) -> bool:  # noqa: FBT001
    return value


async def _is(rows: asyncpg.Pool, order_id: object, state: str) -> bool:
    return bool(
        await rows.fetchval("SELECT state = $2 FROM bot_order WHERE order_id = $1", order_id, state)
    )


async def _log(process: Process) -> list[dict[str, object]]:
    _, written = await asyncio.wait_for(process.communicate(), 20)
    return [json.loads(line) for line in written.decode().splitlines()]
