"""A revoke finds a connection whatever the others took (P7), also when its own were cut."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from app import asgi
from app.cli.migrate import Server, migrate
from app.cli.postgres import EmbeddedPostgres
from app.cli.roles import ROLES
from app.core.secret import Secret
from app.wiring.api import api
from tests.api.caller import ORIGIN, Caller
from tests.api.conftest import settings
from tests.api.pulls import break_glass, redeem
from tests.api.rows import add_platform, add_trader
from tests.support.postgres import FreshDatabase, public_temporary_directory, remove


@pytest.fixture
def crowded() -> Iterator[FreshDatabase]:
    """A server of its own: this test takes every connection there is."""
    place = public_temporary_directory()
    postgres = EmbeddedPostgres(place / "pg", durable=False)
    try:
        postgres.start()
        passwords = {role.name: Secret(secrets.token_urlsafe(16).encode()) for role in ROLES}
        migrate(Server(postgres.dsn(), postgres.password), passwords)
        known = {name: secret.reveal().decode() for name, secret in passwords.items()}
        known["postgres"] = postgres.password.reveal().decode()
        yield FreshDatabase("tripcord", postgres.dsn(), known)
    finally:
        postgres.stop()
        remove(place)


@asynccontextmanager
async def everything_taken(database: FreshDatabase) -> AsyncIterator[int]:
    """Every other role of ours opens connections until it is refused; yields how many."""
    taken = []
    try:
        for role in ROLES:
            if role.name == "tripcord_cord":
                continue
            while True:
                try:
                    taken.append(await asyncpg.connect(database.dsn(role.name)))
                except asyncpg.TooManyConnectionsError:
                    break
        yield len(taken)
    finally:
        for connection in taken:
            await connection.close()


async def test_the_cord_pulls_at_the_connection_limit_and_after_its_connections_were_cut(
    crowded: FreshDatabase,
) -> None:
    admin = await asyncpg.connect(crowded.dsn())
    platform = await add_platform(admin)
    traders = [await add_trader(admin, platform) for _ in range(4)]
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        async with api(settings(crowded, Path(folder))) as services:
            transport = httpx.ASGITransport(asgi.application(services))
            async with (
                httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=30) as http,
                everything_taken(crowded) as taken,
            ):
                assert taken > 70
                caller = Caller(http)
                for pull, trader in ((break_glass, traders[0]), (redeem, traders[1])):
                    assert (await pull(caller, trader)).status_code == 200
                cut = await admin.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE usename = 'tripcord_cord'"
                )
                assert cut == 2
                async with everything_taken(crowded):  # what the cord lost is up for grabs
                    for pull, trader in ((break_glass, traders[2]), (redeem, traders[3])):
                        assert (await pull(caller, trader)).status_code == 200
    await admin.close()


async def test_the_shares_leave_the_cord_a_tenth(crowded: FreshDatabase) -> None:
    admin = await asyncpg.connect(crowded.dsn())
    limits = await admin.fetch(
        "SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname LIKE 'tripcord%'"
    )
    of_all = int(await admin.fetchval("SHOW max_connections"))
    reserved = int(await admin.fetchval("SHOW superuser_reserved_connections"))
    await admin.close()
    by_name = {row["rolname"]: row["rolconnlimit"] for row in limits}
    assert by_name.pop("tripcord_cord") == -1
    assert all(limit > 0 for limit in by_name.values())
    assert sum(by_name.values()) <= (of_all - reserved) * 0.9
