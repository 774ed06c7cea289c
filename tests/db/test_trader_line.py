"""The trader lock and the line before it: one inside, four waiting, and a revoke beside them."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from app.core.errors import Malformed
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.errors import DatabaseUnavailable, TraderBusy
from app.db.pool import Database
from app.db.queue import MAX_WAITERS, TraderQueue
from app.tokens import store
from app.tokens.models import Level
from tests.db.conftest import Open
from tests.db.rows import HASH, Tree, add_tree, until_blocked

COUNT = "SELECT count(*) FROM revocation_card WHERE trader_id = $1"


async def hold(stack: AsyncExitStack, admin: asyncpg.Connection, tree: Tree) -> None:
    """Take the trader lock, as another process would, until the stack is closed."""
    await stack.enter_async_context(admin.transaction())
    await admin.fetchval("SELECT lock_trader($1)", tree.trader_id)


async def test_one_block_at_a_time_holds_a_traders_lock(open_db: Open, tree: Tree) -> None:
    one, other = await open_db("api"), await open_db("signer")
    inside, most = 0, 0

    async def enter(db: Database) -> None:
        nonlocal inside, most
        async with db.locked(tree.trader_id) as tx:
            inside += 1
            most = max(most, inside)
            await tx.fetchval("SELECT pg_sleep(0.01)")
            inside -= 1

    await asyncio.gather(*(enter((one, other)[number % 2]) for number in range(8)))
    assert (most, inside) == (1, 0)


async def test_four_wait_and_the_fifth_is_told_to_come_again(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    assert MAX_WAITERS == 4
    db, beside = await open_db("api"), await add_tree(admin)
    ran = 0

    async def enter() -> None:
        nonlocal ran
        async with db.locked(tree.trader_id):
            ran += 1

    async with AsyncExitStack() as stack:
        await hold(stack, admin, tree)
        # One takes the place of the one inside, four stand behind it.
        inside = [asyncio.create_task(enter()) for _ in range(1 + MAX_WAITERS)]
        await until_blocked(admin, 1)
        for _ in range(3):
            with pytest.raises(TraderBusy) as busy:
                await enter()
            assert busy.value.retry_after_seconds == 1
        async with db.locked(beside.trader_id):
            pass  # another trader stands in no such line
    await asyncio.gather(*inside)
    await enter()
    assert ran == 2 + MAX_WAITERS


async def test_a_revoke_stands_in_no_line(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    api = await open_db("api")

    async def enter() -> None:
        async with api.locked(tree.trader_id):
            pass

    async def revoke() -> None:
        async with api.transaction() as tx:
            await store.tighten(
                tx, trader_id=tree.trader_id, token_id=tree.root, level=Level.REVOKED,
                reason="r", origin=Origin(actor="device:x"), revocation_id=new_id(),
                receipt_hash=HASH, mode="cancel_all",
            )  # fmt: skip

    async with AsyncExitStack() as stack:
        await hold(stack, admin, tree)
        waiting = [asyncio.create_task(enter()) for _ in range(1 + MAX_WAITERS)]
        await until_blocked(admin, 1)
        with pytest.raises(TraderBusy):
            await enter()
        waiting.append(asyncio.create_task(revoke()))
        await until_blocked(admin, 1)
    await asyncio.gather(*waiting)


def test_places_in_the_line_are_given_back_whatever_happens() -> None:
    queue, trader = TraderQueue(), new_id()
    for _ in range(20):
        with pytest.raises(Malformed), queue.place(trader):
            raise Malformed
    assert not queue._inside


async def test_a_lock_that_is_not_granted_in_time_is_a_busy_trader(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    db = await open_db("api", settings={"lock_timeout": "50"})
    async with AsyncExitStack() as stack:
        await hold(stack, admin, tree)
        for enter in (db.locked, db.signing):
            with pytest.raises(TraderBusy):
                async with enter(tree.trader_id) as tx:
                    await tx.fetchval("SELECT lock_trader($1)", tree.trader_id)
    async with db.locked(tree.trader_id):
        pass


async def test_the_signers_pool_gives_a_lock_and_an_idle_transaction_one_second(
    open_db: Open,
) -> None:
    db = await open_db("api", short_locks=True)
    async with db.session() as tx:
        for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
            assert await tx.fetchval(f"SHOW {setting}") == "1s"
        assert await tx.fetchval("SHOW timezone") == "UTC"


async def test_a_transaction_that_stands_idle_loses_its_lock(open_db: Open, tree: Tree) -> None:
    db = await open_db("signer", settings={"idle_in_transaction_session_timeout": "50"})
    beside = await open_db("api")

    async def dawdle() -> None:
        async with db.locked(tree.trader_id) as tx:
            async with beside.locked(tree.trader_id):  # granted when the idle one is cut off
                pass
            await tx.fetchval("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        await dawdle()
