"""Many messages, many dispatchers, slow phones and faults: nothing is lost, nobody waits."""

import asyncio
import logging
from collections import Counter
from uuid import UUID

import msgspec
import pytest

from app.core.clock import SystemClock
from app.db.pool import Database
from app.outbox.models import Topic
from app.push.fcm import FcmSender
from app.push.models import Doorbell, Verdict
from app.push.service import Dispatcher, Sender
from tests.push.support import (
    ANY_PHONE,
    QUICK,
    Running,
    ScriptedFcm,
    devices,
    ring,
    rows,
    until,
    until_none_pending,
)


async def test_two_dispatchers_send_each_message_once(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    rung = [await ring(admin, device.trader_id) for _ in range(80)]
    async with running(sender), running(sender):
        await until_none_pending(admin)
    assert sorted(fcm.rids()) == sorted(map(str, rung))


class Holding:
    """Keeps what goes to one phone until the test lets it go."""

    def __init__(self, inner: Sender, registration: str) -> None:
        self.holds = asyncio.Event()
        self.let_go = asyncio.Event()
        self._inner = inner
        self._registration = registration

    async def send(self, doorbell: Doorbell) -> Verdict:
        if doorbell.address.registration == self._registration:
            self.holds.set()
            await self.let_go.wait()
        return await self._inner.send(doorbell)


async def test_a_slow_phone_holds_up_nobody(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [slow, _] = await devices(admin, "slow", "fast")
    holding = Holding(sender, "slow")
    async with running(holding):
        first = await ring(admin, slow.trader_id)
        await holding.holds.wait()
        second = await ring(admin, slow.trader_id, Topic.LOGIN)
        await until(lambda: asyncio.sleep(0, fcm.rids() == [str(first), str(second)]))
        holding.let_go.set()
        await until_none_pending(admin)
    assert Counter(message["fid"] for message in fcm.messages) == {"slow": 2, "fast": 2}


async def test_a_backlog_is_drained_without_waiting_for_the_next_look(
    admin: Database, database: Database, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    for _ in range(60):
        await ring(admin, device.trader_id)
    stop = asyncio.Event()
    patient = msgspec.structs.replace(QUICK, poll_seconds=60)
    working = asyncio.create_task(
        Dispatcher(database, sender, SystemClock(), pace=patient).run(stop)
    )
    await until_none_pending(admin)
    stop.set()
    await working
    assert len(fcm.messages) == 60


async def test_no_more_than_the_slots_are_under_way(
    admin: Database, running: Running, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    for _ in range(QUICK.slots + 5):
        await ring(admin, device.trader_id)
    holding = Holding(sender, ANY_PHONE)
    async with running(holding):
        await holding.holds.wait()
        await asyncio.sleep(5 * QUICK.poll_seconds)
        leased = [row["leased_until"] for row in await rows(admin, device.trader_id)]
        holding.let_go.set()
        await until_none_pending(admin)
    assert leased.count(None) == 5


class Lame:
    """A provider that breaks the promise of never raising."""

    def __init__(self, inner: Sender) -> None:
        self.inner = inner
        self.broken: UUID | None = None

    async def send(self, doorbell: Doorbell) -> Verdict:
        if doorbell.data.rid == str(self.broken):
            raise RuntimeError(f"a secret: {doorbell.address.registration}")
        return await self.inner.send(doorbell)


async def test_one_bad_message_does_not_end_the_dispatcher(
    admin: Database,
    running: Running,
    sender: FcmSender,
    caplog: pytest.LogCaptureFixture,
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    lame = Lame(sender)
    lame.broken = await ring(admin, device.trader_id)
    await ring(admin, device.trader_id)
    async with running(lame):

        async def one_is_sent() -> bool:
            return "sent" in {row["state"] for row in await rows(admin, device.trader_id)}

        await until(one_is_sent)
    bad, good = await rows(admin, device.trader_id)
    assert (bad["state"], good["state"]) == ("pending", "sent")
    assert bad["leased_until"] is not None  # comes back by itself
    assert [r.message for r in caplog.records if r.levelno >= logging.ERROR] == ["message failed"]


async def test_what_is_under_way_ends_before_the_dispatcher_stops(
    admin: Database, running: Running, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    holding = Holding(sender, ANY_PHONE)
    async with running(holding):
        await ring(admin, device.trader_id)
        await holding.holds.wait()
        asyncio.get_running_loop().call_later(0.1, holding.let_go.set)  # after it was asked to stop
    [row] = await rows(admin, device.trader_id)
    assert row["state"] == "sent"


async def test_the_dispatcher_survives_a_database_that_goes_away(
    admin: Database,
    running: Running,
    fcm: ScriptedFcm,
    sender: FcmSender,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    [device] = await devices(admin, ANY_PHONE)
    limit = "ALTER ROLE tripcord_dispatcher CONNECTION LIMIT"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
    async with running(sender), admin.session() as tx:
        try:
            await tx.execute(f"{limit} 0")
            await tx.execute(end, "tripcord_dispatcher")
            await until(lambda: asyncio.sleep(0, "outbox cannot be read" in caplog.messages))
        finally:
            await tx.execute(f"{limit} -1")
        await ring(admin, device.trader_id)
        await until_none_pending(admin)
    assert len(fcm.messages) == 1
    assert caplog.messages.count("outbox cannot be read") == 1
    assert "outbox can be read again" in caplog.messages
