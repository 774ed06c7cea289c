"""P6: what cannot be logged does not happen, and says so within two seconds."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import asyncpg
import httpx
import pytest

from tests.api.caller import Caller, refused
from tests.api.conftest import Start
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader, counts
from tests.support.postgres import FreshDatabase

SECONDS = 2.0
SLACK_SECONDS = 1.5
"""For a busy machine: the promise is about our own deadline, not about its scheduler."""


@pytest.fixture
async def own_rows(fresh_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture
async def own_platform(own_rows: asyncpg.Connection) -> PlatformRow:
    return await add_platform(own_rows)


@pytest.fixture
async def own_trader(own_rows: asyncpg.Connection, own_platform: PlatformRow) -> TraderRow:
    return await add_trader(own_rows, own_platform)


@pytest.fixture
async def own_caller(start: Start, fresh_database: FreshDatabase) -> AsyncIterator[Caller]:
    async with start(fresh_database) as caller:
        yield caller


async def every_use(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> tuple[httpx.Response, ...]:
    """A read, an introspection, a refused request and two misses: all at once."""
    unknown = f"/v1/orders/{trader.root_id}"
    return await asyncio.gather(
        caller.call("GET", "/v1/devices", by=trader.device),
        caller.form(
            "/oauth/introspect", {"token": trader.grant.token.reveal()}, client=platform.token
        ),
        caller.call("GET", unknown, by=trader.device),
        caller.call("GET", "/v1/devices", headers={"Authorization": "DPoP tc_device_x"}),
        caller.call("POST", "/v1/revocation-cards/redeem", body={"card": "tc_card_x"}),
    )


async def test_without_the_right_to_log_nothing_is_answered(
    own_caller: Caller,
    own_trader: TraderRow,
    own_platform: PlatformRow,
    own_rows: asyncpg.Connection,
) -> None:
    log = "FUNCTION append_entry, introspect_batch"
    await own_rows.execute(f"REVOKE EXECUTE ON {log} FROM tripcord_api")
    for response in await every_use(own_caller, own_trader, own_platform):
        refused(response, 503, "log_unavailable")
        assert str(own_trader.trader_id) not in response.text
    await own_rows.execute(f"GRANT EXECUTE ON {log} TO tripcord_api")
    answers = await every_use(own_caller, own_trader, own_platform)
    assert [answer.status_code for answer in answers] == [200, 200, 404, 401, 401]


async def test_with_the_log_locked_up_nothing_is_answered_and_it_takes_two_seconds(
    own_caller: Caller,
    own_trader: TraderRow,
    own_platform: PlatformRow,
    own_rows: asyncpg.Connection,
) -> None:
    async with own_rows.transaction():
        await own_rows.execute("LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE")
        began = monotonic()
        responses = await every_use(own_caller, own_trader, own_platform)
        took = monotonic() - began
    for response in responses:
        refused(response, 503, "log_unavailable")
    assert took < SECONDS + SLACK_SECONDS


async def test_what_is_logged_with_its_change_does_not_change_without_the_log(
    start: Start,
    fresh_database: FreshDatabase,
    own_trader: TraderRow,
    own_rows: asyncpg.Connection,
) -> None:
    await own_rows.execute(  # the api itself gives a statement five seconds
        f"ALTER ROLE tripcord_cord IN DATABASE {fresh_database.name} SET statement_timeout = 300"
    )
    async with start(fresh_database) as caller, own_rows.transaction():
        before = await counts(own_rows)
        await own_rows.execute("LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE")
        response = await caller.call("POST", "/v1/break-glass", by=own_trader.device, body={})
    refused(response, 503, "database_unavailable")
    assert "Tripcord-Receipt" not in response.headers
    assert await counts(own_rows) == before


async def test_reading_goes_on_where_the_log_comes_back(
    own_caller: Caller,
    own_trader: TraderRow,
    own_rows: asyncpg.Connection,
) -> None:
    await own_rows.execute("ALTER FUNCTION append_entry RENAME TO gone")
    response = await own_caller.call("GET", "/v1/devices", by=own_trader.device)
    refused(response, 503, "log_unavailable")
    await own_rows.execute("ALTER FUNCTION gone RENAME TO append_entry")
    response = await own_caller.call("GET", "/v1/devices", by=own_trader.device)
    assert response.status_code == 200
    chains = await own_rows.fetch(
        "SELECT DISTINCT chain FROM access_log WHERE event = 'devices.read'"
    )
    assert len(chains) == 1
