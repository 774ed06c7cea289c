"""Who waits costs nothing by himself: one look serves all, and nobody sleeps through news."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.db.errors import DatabaseUnavailable
from app.db.pool import Database
from app.watching import store
from app.watching.heads import Heads
from tests.support.postgres import FreshDatabase

LOCKED = UUID(int=0)
LOOK_SECONDS = 0.05


class Looks:
    """Counts looks, and fails them where a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.is_away = 0, False
        self._real = store.heads
        monkeypatch.setattr(store, "heads", self._look)

    async def _look(self, tx: object, traders: object) -> dict[UUID, int]:
        self.count += 1
        if self.is_away:
            raise DatabaseUnavailable
        return await self._real(tx, traders)  # type: ignore[arg-type]


@pytest.fixture
async def db(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    opened = await Database.connect(fresh_database.dsn("tripcord_api"), min_size=1, max_size=4)
    yield opened
    await opened.close()


async def happen(fresh_database: FreshDatabase, trader_id: UUID) -> None:
    admin = await Database.connect(fresh_database.dsn(), min_size=1, max_size=1)
    async with admin.session() as tx:
        await tx.execute(
            "SELECT append_entry($1,$2,'trader.created','test',NULL,NULL,NULL,'ok',NULL,NULL,NULL,"
            "NULL,NULL,NULL,NULL)",
            *(trader_id, LOCKED),
        )
    await admin.close()


async def test_a_thousand_idle_waiters_share_one_look(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, heads = Looks(monkeypatch), Heads(db, asyncio.Event(), look_seconds=LOOK_SECONDS)
    waiting = [heads.beyond(new_id(), 0, 1.0) for _ in range(1000)]
    assert await asyncio.gather(*waiting) == [False] * 1000
    assert 1 <= looks.count <= 1.0 / LOOK_SECONDS + 1
    count = looks.count
    await asyncio.sleep(3 * LOOK_SECONDS)
    assert looks.count <= count + 1, "nobody waits, and somebody looks"
    await heads.close()


async def test_only_whose_chain_grew_is_woken(db: Database, fresh_database: FreshDatabase) -> None:
    heads = Heads(db, asyncio.Event(), look_seconds=LOOK_SECONDS)
    mine, other = new_id(), new_id()
    waiting = asyncio.gather(*(heads.beyond(one, 0, 3.0) for one in (mine, mine, other)))
    await asyncio.sleep(2 * LOOK_SECONDS)
    await happen(fresh_database, mine)
    assert await waiting == [True, True, False]
    # What was there before one began to wait is found as well.
    assert await heads.beyond(mine, 0, 3.0)
    assert not await heads.beyond(mine, 1, 0.2)
    await heads.close()


async def test_a_database_that_was_away_for_a_while_loses_nobody(
    db: Database, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, heads = Looks(monkeypatch), Heads(db, asyncio.Event(), look_seconds=LOOK_SECONDS)
    trader_id, looks.is_away = new_id(), True
    waiting = asyncio.create_task(heads.beyond(trader_id, 0, 10.0))
    await happen(fresh_database, trader_id)
    await asyncio.sleep(4 * LOOK_SECONDS)
    assert looks.count > 1
    assert not waiting.done()
    looks.is_away = False
    assert await waiting
    await heads.close()


async def test_a_stop_lets_everybody_go_at_once(db: Database) -> None:
    stopping = asyncio.Event()
    heads = Heads(db, stopping, look_seconds=30.0)
    waiting = asyncio.gather(*(heads.beyond(new_id(), 0, 60.0) for _ in range(10)))
    await asyncio.sleep(0)
    stopping.set()
    async with asyncio.timeout(5):
        assert await waiting == [False] * 10
        assert not await heads.beyond(new_id(), 0, 60.0)
    await heads.close()


async def test_a_waiter_that_gives_up_leaves_nothing_behind(db: Database) -> None:
    heads = Heads(db, asyncio.Event(), look_seconds=LOOK_SECONDS)
    task = asyncio.create_task(heads.beyond(new_id(), 0, 60.0))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not heads._waiting
    await heads.close()
