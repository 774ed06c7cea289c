"""The api in this process on a real PostgreSQL, with a scripted signer behind a real socket.

One api per file (its tests run in the file's event loop); each test has its own platform and
trader. Tests that break something start an api of their own with `start`.
"""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from app import asgi
from app.api.services import Services
from app.config import ApiSettings
from app.config.values import AndroidApp
from app.wiring.api import api
from tests.api.caller import ORIGIN, Caller
from tests.api.process import ApiProcess
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader
from tests.api.signer import StandInSigner
from tests.support.postgres import FreshDatabase

Start = Callable[..., AbstractAsyncContextManager[Caller]]

PATIENCE_SECONDS = 15.0
"""How busy the machine is, is not what is tested; `test_log_down` keeps the real two seconds."""


@pytest.fixture(autouse=True)
def _patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.module.__name__.endswith("test_log_down"):
        return
    monkeypatch.setattr("app.accesslog.log.DURABLE_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("app.db.pool.ACQUIRE_SECONDS", PATIENCE_SECONDS)


def settings(database: FreshDatabase, folder: Path, **changes: Any) -> ApiSettings:
    fields: dict[str, Any] = {
        "log_level": "info",
        "database_dsn": database.dsn("tripcord_api"),
        "database_password": None,
        "public_origin": ORIGIN,
        "api_host": "127.0.0.1",
        "api_port": 0,
        "tls_cert_file": None,
        "tls_key_file": None,
        "trusted_hops": (),
        "dpop_nonces": "when_stale",
        "cord_dsn": database.dsn("tripcord_cord"),
        "cord_password": None,
        "signer_socket": folder / "signer.sock",
        "webhook_loopback": False,
    }
    apps: dict[str, Any] = {
        "passkey_rp_id": "cord.example", "passkey_origins": ("https://cord.example",),
        "passkey_android_apps": (AndroidApp("com.example.cord", bytes(range(32))),),
        "passkey_apple_apps": ("A1B2C3D4E5.example.cord",),
    }  # fmt: skip
    return ApiSettings(**(fields | apps | changes))


@asynccontextmanager
async def calling(services: Services, peer: str = "127.0.0.1") -> AsyncIterator[Caller]:
    """Call an api as if from `peer`, without a socket in between."""
    transport = httpx.ASGITransport(asgi.application(services), client=(peer, 40000))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=30) as http:
        yield Caller(http)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: a Unix socket's path has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="tc-") as path:
        yield Path(path)


@pytest.fixture
def start(folder: Path) -> Start:
    """`async with start(database, peer=..., **settings) as caller:`, with no signer unless made."""

    @asynccontextmanager
    async def run(
        database: FreshDatabase, *, peer: str = "127.0.0.1", **changes: Any
    ) -> AsyncIterator[Caller]:
        async with (
            api(settings(database, folder, **changes)) as services,
            calling(services, peer) as caller,
        ):
            yield caller

    return run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_signer() -> AsyncIterator[StandInSigner]:
    with tempfile.TemporaryDirectory(prefix="tc-") as path:
        running = StandInSigner(Path(path) / "signer.sock")
        await running.start()
        yield running
        await running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(
    module_database: FreshDatabase, module_signer: StandInSigner
) -> AsyncIterator[Caller]:
    async with (
        api(settings(module_database, module_signer.socket.parent)) as services,
        calling(services) as caller,
    ):
        yield caller


@pytest.fixture
def signer(module_signer: StandInSigner) -> Iterator[StandInSigner]:
    """The file's stand-in, having been asked nothing yet."""
    module_signer.asked.clear()
    yield module_signer
    module_signer.answers.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(module_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    """The database as none of our processes sees it: to put rows in and to look."""
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def platform(rows: asyncpg.Connection) -> PlatformRow:
    return await add_platform(rows)


@pytest_asyncio.fixture(loop_scope="module")
async def trader(rows: asyncpg.Connection, platform: PlatformRow) -> TraderRow:
    return await add_trader(rows, platform)


@pytest.fixture(scope="module")
def process(module_database: FreshDatabase) -> Iterator[ApiProcess]:
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        running = ApiProcess(module_database, Path(folder))
        yield running
        assert running.stop() == 0, running.log()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire(process: ApiProcess) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(base_url=process.url, timeout=15, trust_env=False) as http:
        yield Caller(http)
