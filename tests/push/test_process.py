"""`python -m app.dispatchd` as it is run: its settings, its logs, its death."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.cli.migrate import with_login
from app.core.secret import Secret
from app.db.pool import Database
from app.push.service import Pace
from tests.push.support import (
    ANY_PHONE,
    ScriptedFcm,
    add_devices,
    ring,
    rows,
    until,
    until_none_pending,
)
from tests.support.postgres import FreshDatabase

REPOSITORY = Path(__file__).parents[2]
MESSAGES = 200
SLOTS = Pace().slots


class Dispatchd:
    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self._started: list[Process] = []

    async def start(self, **changes: str) -> Process:
        """Return once it says that it is ready, or has ended."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.dispatchd",
            cwd=REPOSITORY, env=self.environ | changes, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        self._started.append(process)
        return process

    async def end(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def dispatchd(
    fresh_database: FreshDatabase, fcm: ScriptedFcm, fcm_secret: Secret, tmp_path: Path
) -> AsyncIterator[Dispatchd]:
    credentials, role = tmp_path / "fcm.json", "tripcord_dispatcher"
    credentials.write_bytes(fcm_secret.reveal())
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TRIPCORD_")}
    running = Dispatchd(
        ours
        | {
            "TRIPCORD_DATABASE_DSN": with_login(
                fresh_database.server_dsn, role, fresh_database.name
            ),
            "TRIPCORD_DATABASE_PASSWORD": fresh_database.passwords[role],
            "TRIPCORD_FCM_CREDENTIALS_FILE": str(credentials),
            "TRIPCORD_FCM_URL": fcm.url,
            "TRIPCORD_PUBLIC_ORIGIN": "https://cord.example",
        }
    )
    yield running
    await running.end()


async def the_log(process: Process) -> list[dict[str, object]]:
    _, written = await asyncio.wait_for(process.communicate(), 20)
    return [json.loads(line) for line in written.splitlines()]


async def test_a_killed_dispatcher_loses_nothing(
    admin: Database, fcm: ScriptedFcm, dispatchd: Dispatchd
) -> None:
    async with admin.transaction() as tx:
        [device] = await add_devices(tx, [("fid", ANY_PHONE)])
    rung = [str(await ring(admin, device.trader_id)) for _ in range(MESSAGES)]
    fcm.held_after = MESSAGES // 3
    first = await dispatchd.start()

    async def all_slots_are_under_way() -> bool:
        return len(fcm.rids()) == MESSAGES // 3 + SLOTS

    await until(all_slots_are_under_way)
    first.kill()
    await first.communicate()
    fcm.gate.set()
    async with admin.session() as tx:
        leased = await tx.fetchval("SELECT count(*) FROM outbox WHERE leased_until IS NOT NULL")
        assert leased >= SLOTS
        # Cheats beneath the dispatcher: the lease of the dead one is over now, not in 30 seconds.
        await tx.execute("UPDATE outbox SET leased_until = now() WHERE leased_until IS NOT NULL")
    await dispatchd.start()
    await until_none_pending(admin)
    assert {row["state"] for row in await rows(admin, device.trader_id)} == {"sent"}
    seen = Counter(fcm.rids())
    assert seen.keys() == set(rung)
    assert sum(seen.values()) <= MESSAGES + leased  # repeats only of what was under way


async def test_asked_to_stop_it_ends_what_is_under_way_and_exits(
    admin: Database, fcm: ScriptedFcm, dispatchd: Dispatchd
) -> None:
    async with admin.transaction() as tx:
        [device] = await add_devices(tx, [("fid", ANY_PHONE)])
    fcm.replies[ANY_PHONE].append(fcm.good(delay_seconds=0.5))
    await ring(admin, device.trader_id)
    process = await dispatchd.start()
    await until(lambda: asyncio.sleep(0, bool(fcm.messages)))
    process.send_signal(signal.SIGTERM)
    events = [line["event"] for line in await the_log(process)]
    assert process.returncode == 0
    assert events == ["dispatcher ready", "message sent", "dispatcher stopped"]
    [row] = await rows(admin, device.trader_id)
    assert row["state"] == "sent"


async def test_its_log_is_json_and_holds_no_whole_registration(
    admin: Database, dispatchd: Dispatchd
) -> None:
    phone = "c" + "Z" * 15 + "public"
    async with admin.transaction() as tx:
        [device] = await add_devices(tx, [("fid", phone)])
    process = await dispatchd.start(TRIPCORD_LOG_LEVEL="debug")
    await ring(admin, device.trader_id)
    await until_none_pending(admin)
    process.send_signal(signal.SIGTERM)
    log = await the_log(process)
    [sent] = [line for line in log if line["event"] == "message sent"]
    assert sent["registration"] == "…public"
    assert {"at", "level", "logger", "message_id", "topic", "attempt"} <= sent.keys()
    assert phone not in json.dumps(log)
    assert "ya29.test" not in json.dumps(log)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"TRIPCORD_HSM_PIN": "1234"}, "TRIPCORD_HSM_PIN must not be given to dispatcher"),
        (
            {"TRIPCORD_FCM_CREDENTIALS_FILE": "/dev/null"},
            "TRIPCORD_FCM_CREDENTIALS is empty",
        ),
    ],
)
async def test_settings_it_may_not_have_stop_it_for_good(
    dispatchd: Dispatchd, changes: dict[str, str], complaint: str
) -> None:
    process = await dispatchd.start(**changes)
    [line] = await the_log(process)
    assert process.returncode == os.EX_CONFIG
    assert line["problem"] == complaint
    assert "1234" not in json.dumps(line)


async def test_without_credentials_it_does_not_pretend_to_work(dispatchd: Dispatchd) -> None:
    del dispatchd.environ["TRIPCORD_FCM_CREDENTIALS_FILE"]
    process = await dispatchd.start()
    [line] = await the_log(process)
    assert process.returncode == os.EX_CONFIG
    assert line["problem"] == "TRIPCORD_FCM_CREDENTIALS is not set: nothing could be sent"


async def test_an_assertion_is_not_posted_without_tls(
    dispatchd: Dispatchd, account: dict[str, str]
) -> None:
    plain = account | {"token_uri": "http://oauth2.example/token"}
    del dispatchd.environ["TRIPCORD_FCM_CREDENTIALS_FILE"]
    process = await dispatchd.start(TRIPCORD_FCM_CREDENTIALS=json.dumps(plain))
    [line] = await the_log(process)
    assert process.returncode == os.EX_CONFIG
    assert line["problem"] == "TRIPCORD_FCM_CREDENTIALS has a token_uri without TLS"


async def test_without_a_database_it_exits_to_be_started_again(dispatchd: Dispatchd) -> None:
    nowhere = "postgresql://tripcord_dispatcher@127.0.0.1:9/tripcord"
    process = await dispatchd.start(TRIPCORD_DATABASE_DSN=nowhere)
    [line] = await the_log(process)
    assert process.returncode == 1
    assert line["event"] == "database cannot be reached"
