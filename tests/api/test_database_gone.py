"""With PostgreSQL gone: 503 in those words, and no revoke is acknowledged that is not stored."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.api.caller import Caller, refused
from tests.api.conftest import Start
from tests.api.pulls import PULLS, Pull, break_glass
from tests.api.relay import Relay
from tests.api.rows import TraderRow, add_platform, add_trader
from tests.support.postgres import FreshDatabase

COMMIT = b"break-glass"
"""The revoke's reason, which travels with the one statement that is the whole transaction."""

WORDS = "The database cannot be reached, so nothing was done."


@pytest.fixture
async def relay(fresh_database: FreshDatabase, folder: Path) -> AsyncIterator[Relay]:
    wire = Relay(fresh_database, folder)
    await wire.connect()
    yield wire
    await wire.cut()


@pytest.fixture
async def own_rows(fresh_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Past the relay: what the database knows while the api cannot reach it."""
    connection = await asyncpg.connect(fresh_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture
async def own_trader(own_rows: asyncpg.Connection) -> TraderRow:
    return await add_trader(own_rows, await add_platform(own_rows))


@pytest.fixture
async def wired(start: Start, relay: Relay) -> AsyncIterator[Caller]:
    async with start(relay.database) as caller:
        yield caller


async def fences(rows: asyncpg.Connection) -> int:
    count: int = await rows.fetchval("SELECT count(*) FROM fence")
    return count


def in_those_words(response: httpx.Response) -> None:
    assert refused(response, 503, "database_unavailable")["detail"] == WORDS
    assert "Tripcord-Receipt" not in response.headers


@PULLS
async def test_with_the_database_gone_a_revoke_is_503_in_those_words_and_works_when_it_is_back(
    pull: Pull, wired: Caller, relay: Relay, own_trader: TraderRow, own_rows: asyncpg.Connection
) -> None:
    await relay.cut()
    in_those_words(await pull(wired, own_trader))
    assert await fences(own_rows) == 0
    await relay.connect()
    assert (await pull(wired, own_trader)).status_code == 200
    assert await fences(own_rows) == 1


async def test_with_the_database_gone_nothing_else_answers_either(
    wired: Caller, relay: Relay, own_trader: TraderRow
) -> None:
    await relay.cut()
    for path in ("/v1/devices", "/v1/tokens", "/v1/orders", "/v1/access-log"):
        in_those_words(await wired.call("GET", path, by=own_trader.device))
    response = await wired.call("GET", "/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["database"] is False
    assert (await wired.call("GET", "/livez")).status_code == 200


async def test_a_miss_that_cannot_be_logged_is_503_too(wired: Caller, relay: Relay) -> None:
    await relay.cut()
    headers = {"Authorization": "DPoP tc_device_x"}
    response = await wired.call("GET", "/v1/devices", headers=headers)
    refused(response, 503, "log_unavailable")


async def test_a_revoke_whose_commit_never_arrived_is_503_and_did_not_happen(
    wired: Caller, relay: Relay, own_trader: TraderRow, own_rows: asyncpg.Connection
) -> None:
    relay.cut_at = COMMIT
    in_those_words(await break_glass(wired, own_trader))
    assert await fences(own_rows) == 0


async def test_a_revoke_whose_commit_was_not_answered_is_not_acknowledged(
    wired: Caller, relay: Relay, own_trader: TraderRow, own_rows: asyncpg.Connection
) -> None:
    relay.mute_at = COMMIT
    response = await break_glass(wired, own_trader)
    assert response.status_code == 503
    assert "Tripcord-Receipt" not in response.headers
    assert await fences(own_rows) == 1  # more happened than was said: never the other way round
    relay.mend()
    refused(await break_glass(wired, own_trader), 401, "token_rejected")
