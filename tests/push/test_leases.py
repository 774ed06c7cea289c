"""The outbox between dispatchers: whose a message is, and which comes first."""

import asyncio
from datetime import UTC, datetime, timedelta

from app.db.pool import Database
from app.outbox import store
from app.outbox.models import Message, Topic
from tests.push.support import add_devices, ring, rows


async def an_outbox(admin: Database, messages: int, topic: Topic = Topic.APPROVAL) -> None:
    async with admin.transaction() as tx:
        [device] = await add_devices(tx, [("fid", "f" * 22)])
    for _ in range(messages):
        await ring(admin, device.trader_id, topic)


async def test_two_dispatchers_never_lease_the_same_message(
    admin: Database, database: Database
) -> None:
    await an_outbox(admin, 60)
    async with database.transaction() as one, database.transaction() as other:
        first = await store.lease(one, 40, 30)
        second = await store.lease(other, 40, 30)  # while the first has not committed
    async with database.session() as tx:
        third = await store.lease(tx, 40, 30)
    ids = [message.message_id for message in first + second]
    assert (len(first), len(second), len(third)) == (40, 20, 0)
    assert len(set(ids)) == 60


async def test_a_message_is_leased_once_by_many_at_the_same_time(
    admin: Database, database: Database
) -> None:
    await an_outbox(admin, 50)

    async def take() -> list[Message]:
        async with database.session() as tx:
            return await store.lease(tx, 7, 30)

    batches = await asyncio.gather(*[take() for _ in range(30)])
    leased = [message.message_id for batch in batches for message in batch]
    assert len(leased) == len(set(leased)) == 50


async def test_a_lease_that_ran_out_is_given_to_the_next(
    admin: Database, database: Database
) -> None:
    await an_outbox(admin, 1)
    async with database.session() as tx:
        [first] = await store.lease(tx, 10, 0.05)
        assert await store.lease(tx, 10, 30) == []
        await asyncio.sleep(0.1)
        [again] = await store.lease(tx, 10, 30)
    assert (first.attempts, again.attempts) == (1, 2)


async def test_who_lost_the_lease_does_not_cut_short_the_next_one(
    admin: Database, database: Database
) -> None:
    await an_outbox(admin, 1)
    async with database.session() as tx:
        [slow] = await store.lease(tx, 10, 0.0)
        await asyncio.sleep(0.01)
        [holder] = await store.lease(tx, 10, 30)
        await store.retry(tx, slow, datetime.now(UTC), "unavailable")
        assert await store.lease(tx, 10, 30) == []
        await store.retry(tx, holder, datetime.now(UTC), "unavailable")
        assert len(await store.lease(tx, 10, 30)) == 1


async def test_revokes_and_logins_go_before_what_waited_longer(
    admin: Database, database: Database
) -> None:
    async with admin.transaction() as tx:
        [device] = await add_devices(tx, [("fid", "f" * 22)])
    for topic in (Topic.APPROVAL, Topic.SECURITY, Topic.LOGIN, Topic.REVOKED):
        await ring(admin, device.trader_id, topic)
    urgency = [Topic.LOGIN, Topic.REVOKED, Topic.SECURITY, Topic.APPROVAL]
    async with database.session() as tx:
        assert [message.topic for message in await store.lease(tx, 2, 0.0)] == urgency[:2]
        await asyncio.sleep(0.01)
        assert [message.topic for message in await store.lease(tx, 4, 30)] == urgency


async def test_a_disabled_registration_is_not_handed_out(
    admin: Database, database: Database
) -> None:
    async with admin.transaction() as tx:
        here, gone = await add_devices(tx, [("fid", "here"), ("token", "gone")])
    await ring(admin, here.trader_id)
    async with database.session() as tx:
        found = {m.device_id: m for m in await store.lease(tx, 10, 0.0)}
        assert found[gone.device_id].registration == "gone"
        assert found[gone.device_id].registration_kind == "token"
        await store.disable_registration(tx, found[gone.device_id])
        await asyncio.sleep(0.01)
        found = {m.device_id: m for m in await store.lease(tx, 10, 30)}
    assert found[here.device_id].registration == "here"
    assert found[gone.device_id].registration is None


async def test_a_registration_that_came_meanwhile_is_not_disabled(
    admin: Database, database: Database
) -> None:
    async with admin.transaction() as tx:
        [device] = await add_devices(tx, [("fid", "old")])
    await ring(admin, device.trader_id)
    async with database.session() as tx:
        [message] = await store.lease(tx, 10, 30)
    async with admin.session() as tx:
        await tx.execute("UPDATE push_registration SET registration = 'new'")
    async with database.session() as tx:
        await store.disable_registration(tx, message)
        assert await tx.fetchval("SELECT disabled_at FROM push_registration") is None


async def test_what_is_finished_is_neither_leased_nor_finished_again(
    admin: Database, database: Database
) -> None:
    await an_outbox(admin, 1)
    async with database.session() as tx:
        [message] = await store.lease(tx, 10, 0.0)
        await store.finish(tx, message, "sent", None)
        await store.finish(tx, message, "dead", "late")
        await store.retry(tx, message, datetime.now(UTC) - timedelta(hours=1), "late")
        assert await store.lease(tx, 10, 30) == []
    [row] = await rows(admin, message.trader_id)
    assert (row["state"], row["last_error"]) == ("sent", None)
