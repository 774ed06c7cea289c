"""The coalescer on a real PostgreSQL, as the api's role; rows as `tests.api.rows` puts them."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.db.pool import Database
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader
from tests.support.postgres import FreshDatabase


@pytest.fixture
async def rows(module_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture
async def db(module_database: FreshDatabase) -> AsyncIterator[Database]:
    opened = await Database.connect(module_database.dsn("tripcord_api"))
    yield opened
    await opened.close()


@pytest.fixture
async def platform(rows: asyncpg.Connection) -> PlatformRow:
    return await add_platform(rows)


@pytest.fixture
async def trader(rows: asyncpg.Connection, platform: PlatformRow) -> TraderRow:
    return await add_trader(rows, platform)
