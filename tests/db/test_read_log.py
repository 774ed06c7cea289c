"""The read log: an entry is durable before its append returns, or the append refuses (P6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.accesslog import log
from app.accesslog.errors import LogUnavailable
from app.accesslog.log import ReadLog
from app.accesslog.models import Entry, Event
from app.core.origin import Origin
from app.db.errors import DatabaseUnavailable
from app.db.pool import Database, Tx
from tests.db.chain import chain_of, faults
from tests.db.conftest import Open
from tests.db.rows import Tree


def entry(tree: Tree, agent: str = "agent") -> Entry:
    return Entry(
        trader_id=tree.trader_id,
        event=Event.LOG_READ,
        origin=Origin(actor="device:x", user_agent=agent),
    )


@asynccontextmanager
async def running(db: Any) -> AsyncIterator[ReadLog]:
    reads = ReadLog(db)
    reads.start()
    yield reads
    await reads.stop()


async def chains(admin: asyncpg.Connection, tree: Tree) -> dict[UUID, int]:
    """Length of each chain of the trader."""
    rows = await admin.fetch(
        "SELECT chain, count(*) AS n FROM access_log WHERE trader_id = $1 GROUP BY chain",
        tree.trader_id,
    )
    return {row["chain"]: row["n"] for row in rows}


class Unsure(Database):
    """A database whose commits have an unknown outcome as long as `failing` is set.

    It cheats beneath `transaction`, where a connection that is lost in the commit would stand.
    """

    failing = False
    begun = 0
    committed = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        self.begun += 1
        async with super().transaction() as tx:
            yield tx
            if self.failing and not self.committed:
                raise DatabaseUnavailable
        if self.failing:
            raise DatabaseUnavailable


@pytest.fixture
async def unsure(open_db: Open) -> Unsure:
    db = await open_db("api")
    return Unsure(db._lending)


async def test_an_entry_is_there_for_everybody_when_its_append_returns(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    async with running(await open_db("api")) as reads:
        for expected in range(1, 6):
            await reads.append(entry(tree))
            assert list((await chains(admin, tree)).values()) == [expected]


async def test_a_crowd_is_one_chain_in_few_commits(
    unsure: Unsure, admin: asyncpg.Connection, tree: Tree
) -> None:
    async with running(unsure) as reads:
        await asyncio.gather(*(reads.append(entry(tree, str(n))) for n in range(200)))
    ((chain, length),) = (await chains(admin, tree)).items()
    assert length == 200
    assert unsure.begun <= 2
    rows, head = await chain_of(admin, tree.trader_id, chain)
    assert faults(rows, head) == []
    assert {row["user_agent"] for row in rows} == {str(n) for n in range(200)}


async def test_every_start_of_a_process_writes_a_chain_of_its_own(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    db = await open_db("api")
    for _ in range(2):
        async with running(db) as reads:
            await reads.append(entry(tree))
    assert list((await chains(admin, tree)).values()) == [1, 1]


@pytest.mark.parametrize("committed", [False, True], ids=["lost", "committed all the same"])
async def test_after_a_batch_of_unknown_outcome_the_append_refuses_and_a_new_chain_begins(
    unsure: Unsure, admin: asyncpg.Connection, tree: Tree, *, committed: bool
) -> None:
    unsure.committed = committed
    async with running(unsure) as reads:
        await reads.append(entry(tree, "before"))
        unsure.failing = True
        with pytest.raises(LogUnavailable):
            await reads.append(entry(tree, "doubtful"))
        unsure.failing = False
        await reads.append(entry(tree, "after"))
    found = await chains(admin, tree)
    assert sorted(found.values()) == ([1, 2] if committed else [1, 1])
    for chain in found:
        rows, head = await chain_of(admin, tree.trader_id, chain)
        assert faults(rows, head) == []
    # Nothing stands behind the doubtful entry on its chain.
    agents = await admin.fetch(
        "SELECT user_agent FROM access_log WHERE trader_id = $1 AND position = 2", tree.trader_id
    )
    assert [row["user_agent"] for row in agents] == (["doubtful"] if committed else [])


async def test_an_entry_the_database_does_not_take_refuses_and_does_not_end_the_writer(
    open_db: Open, admin: asyncpg.Connection, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(await open_db("api")) as reads:
        with pytest.raises(LogUnavailable):
            await asyncio.wait_for(reads.append(entry(tree, "NUL \0 in the agent")), 1)
        await reads.append(entry(tree))
    assert list((await chains(admin, tree)).values()) == [1]
    assert "NUL" not in caplog.text.replace("\\u0000", "")


async def test_a_role_that_may_not_log_is_refused(open_db: Open, tree: Tree) -> None:
    async with running(await open_db("dispatcher")) as reads:
        with pytest.raises(LogUnavailable):
            await reads.append(entry(tree))


async def test_what_is_not_durable_in_time_refuses(
    open_db: Open, admin: asyncpg.Connection, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "DURABLE_SECONDS", 0.1)
    async with running(await open_db("api")) as reads:
        await reads.append(entry(tree))
        async with admin.transaction():  # somebody holds the head of the chain
            await admin.execute(
                "SELECT 1 FROM access_log_head WHERE trader_id = $1 FOR UPDATE", tree.trader_id
            )
            with pytest.raises(LogUnavailable):
                await reads.append(entry(tree))


async def test_without_its_writer_nothing_is_logged_and_so_nothing_happens(
    open_db: Open, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "DURABLE_SECONDS", 0.05)
    reads = ReadLog(await open_db("api"))
    with pytest.raises(LogUnavailable):
        await reads.append(entry(tree))
    reads.start()
    await reads.stop()
    with pytest.raises(LogUnavailable):
        await reads.append(entry(tree))


async def test_a_caller_who_gave_up_does_not_disturb_the_others(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    async with running(await open_db("api")) as reads:
        tasks = [asyncio.create_task(reads.append(entry(tree))) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await reads.append(entry(tree))
    assert [type(result) for result in results].count(asyncio.CancelledError) == 1
    assert list((await chains(admin, tree)).values()) == [6]
