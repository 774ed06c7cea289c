"""One migrated database per file; each test has traders of its own, so that order never matters."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from app.db.pool import Database
from tests.db.rows import Tree, add_tree
from tests.support.postgres import FreshDatabase

Connect = Callable[[str], Awaitable[asyncpg.Connection]]
Open = Callable[..., Awaitable[Database]]


@pytest.fixture
async def connect(module_database: FreshDatabase) -> AsyncIterator[Connect]:
    """Log in as a role, with the short name of `tripcord_<role>`."""
    opened: list[asyncpg.Connection] = []

    async def log_in(role: str) -> asyncpg.Connection:
        opened.append(await asyncpg.connect(module_database.dsn(f"tripcord_{role}")))
        return opened[-1]

    yield log_in
    for connection in opened:
        await connection.close()


@pytest.fixture
async def admin(module_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, for rows that no process of ours could write alone."""
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture
async def tree(admin: asyncpg.Connection) -> Tree:
    return await add_tree(admin)


@pytest.fixture
async def open_db(module_database: FreshDatabase) -> AsyncIterator[Open]:
    """Open our own `Database` as a role; more than one stands for more than one process."""
    opened: list[Database] = []

    async def open_as(role: str, **options: object) -> Database:
        dsn = module_database.dsn(f"tripcord_{role}" if role != "postgres" else role)
        opened.append(await Database.connect(dsn, **({"min_size": 1} | options)))  # type: ignore[arg-type]
        return opened[-1]

    yield open_as
    for database in opened:
        await database.close()
