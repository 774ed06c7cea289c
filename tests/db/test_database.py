"""Connections, the trader lock and its line, and one translation of every failure."""

import asyncio
from typing import Any

import asyncpg
import pytest

from app.core.errors import DomainError, Malformed
from app.core.ids import new_id
from app.db import pool
from app.db.errors import Conflict, DatabaseUnavailable
from app.db.pool import Database
from app.tokens import store
from tests.db.conftest import Open
from tests.db.rows import HASH, Tree
from tests.support.postgres import FreshDatabase

COUNT = "SELECT count(*) FROM revocation_card WHERE trader_id = $1"


async def add_card(tx: Any, tree: Tree) -> None:
    await store.add_card(tx, tree.trader_id, new_id(), HASH, tree.root)


async def test_whatever_is_raised_inside_rolls_back_and_comes_out(
    open_db: Open, tree: Tree
) -> None:
    db = await open_db("api")

    async def fail(error: BaseException) -> None:
        async with db.locked(tree.trader_id) as tx:
            await add_card(tx, tree)
            raise error

    for error in (Malformed(), KeyError("x"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await fail(error)
    async with db.session() as tx:
        assert await tx.fetchval(COUNT, tree.trader_id) == 0


async def test_a_transaction_reads_what_was_committed_before_each_statement(
    open_db: Open, tree: Tree
) -> None:
    db = await open_db("api")
    async with db.transaction() as tx:
        assert await tx.fetchval("SHOW transaction_isolation") == "read committed"
        assert await tx.fetchval(COUNT, tree.trader_id) == 0
        async with db.transaction() as other:
            await add_card(other, tree)
        assert await tx.fetchval(COUNT, tree.trader_id) == 1


async def test_a_constraint_speaks_by_its_name_and_a_function_by_its_code(
    open_db: Open, tree: Tree
) -> None:
    db, card = await open_db("api"), new_id()
    for expected in (None, "revocation_card_pkey"):
        try:
            async with db.transaction() as tx:
                await store.add_card(tx, tree.trader_id, card, HASH, tree.root)
        except Conflict as conflict:
            assert conflict.name == expected  # noqa: PT017 - the first time it passes
    for statement, name in (
        ("INSERT INTO revocation_card VALUES ($1, $1, '', $1)",
         "revocation_card_secret_hash_check"),
        ("INSERT INTO revocation_card (trader_id, card_id, secret_hash) VALUES ($1, $1, NULL)",
         "23502"),
        ("SELECT mint_token($1, $1, 'grant', $1, NULL, NULL, '{}', 'x', now())", "TC001"),
    ):  # fmt: skip
        with pytest.raises(Conflict) as refused:
            async with db.transaction() as tx:
                await tx.execute(statement, tree.trader_id)
        assert refused.value.name == name


async def test_a_conflict_can_be_caught_where_it_happens(open_db: Open, tree: Tree) -> None:
    """Translated per statement, so that a store can turn it into its own refusal."""
    db = await open_db("api")
    async with db.session() as tx:
        with pytest.raises(Conflict):
            await tx.executemany("INSERT INTO revocation_card VALUES ($1,$1,'',$1)", [(new_id(),)])
        for call in (tx.fetch, tx.fetchrow, tx.fetchval, tx.execute):
            with pytest.raises(Conflict):
                await call("INSERT INTO revocation_card VALUES ($1, $1, '', $1)", tree.trader_id)


async def test_a_fault_of_ours_is_neither_a_refusal_nor_a_yes(open_db: Open) -> None:
    db = await open_db("api")
    for statement in ("SELEC 1", "SELECT * FROM wrapped_secret", "SELECT 1/0"):
        with pytest.raises(asyncpg.PostgresError) as fault:
            async with db.transaction() as tx:
                await tx.execute(statement)
        assert not isinstance(fault.value, DomainError)


@pytest.mark.parametrize("where", ["statement", "commit"])
async def test_a_lost_connection_is_database_unavailable_and_its_work_is_undone(
    open_db: Open, admin: asyncpg.Connection, tree: Tree, where: str
) -> None:
    db = await open_db("api")

    async def lose() -> None:
        async with db.locked(tree.trader_id) as tx:
            await add_card(tx, tree)
            backend = await tx.fetchval("SELECT pg_backend_pid()")
            await admin.execute("SELECT pg_terminate_backend($1)", backend)
            if where == "statement":
                await tx.fetchval("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        await lose()
    assert await admin.fetchval(COUNT, tree.trader_id) == 0
    async with db.locked(tree.trader_id) as tx:  # the pool opens another
        assert await tx.fetchval("SELECT 1") == 1


async def test_a_statement_that_takes_too_long_is_database_unavailable(open_db: Open) -> None:
    db = await open_db("api", settings={"statement_timeout": "50"})
    with pytest.raises(DatabaseUnavailable):
        async with db.transaction() as tx:
            await tx.execute("SELECT pg_sleep(1)")


async def test_our_own_clock_ends_a_statement_too(
    open_db: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "COMMAND_SECONDS", 0.05)
    db = await open_db("api")
    with pytest.raises(DatabaseUnavailable):
        async with db.transaction() as tx:
            await tx.execute("SELECT pg_sleep(1)")


async def test_without_a_free_connection_the_answer_is_no_and_not_a_hang(
    open_db: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ACQUIRE_SECONDS", 0.05)
    db = await open_db("api", max_size=1)
    async with db.transaction():
        for enter in (db.transaction, db.session):
            with pytest.raises(DatabaseUnavailable):
                async with enter():
                    pass


async def test_without_a_server_or_a_password_there_is_no_database(
    module_database: FreshDatabase,
) -> None:
    dsn = module_database.dsn("tripcord_api")
    nowhere = dsn.replace("host=", "host=/nowhere") if "host=" in dsn else f"{dsn}_nowhere"
    for wrong in (nowhere, dsn.replace(module_database.passwords["tripcord_api"], "guess")):
        assert wrong != dsn
        with pytest.raises((DatabaseUnavailable, asyncpg.PostgresError)):
            await Database.connect(wrong, min_size=1)


async def test_nothing_set_by_one_use_of_a_connection_outlives_it(open_db: Open) -> None:
    """Connections are not reset between uses: so transactions are what bounds them."""
    db = await open_db("api", max_size=1)
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL lock_timeout = '7s'")
    async with db.session() as tx:
        assert await tx.fetchval("SHOW lock_timeout") == "0"
