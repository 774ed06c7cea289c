"""One venue process per file, one database per test, a courier in this process or its own."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from app.db.pool import Database
from app.egress.routes import all_routes
from app.egress.service import Courier
from app.verbs.client import VerbClient
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import CourierInboxVerb, Send
from tests.egress.rows import Trader, add_trader
from tests.egress.signer import StandInSigner
from tests.egress.venue import SandboxProcess
from tests.support.postgres import FreshDatabase

WAIT_SECONDS = 15.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    running = SandboxProcess()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "sandbox" in request.fixturenames:
        request.getfixturevalue("sandbox").mend()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: a Unix socket's path has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="tc-") as path:
        yield Path(path)


@pytest.fixture
async def rows(fresh_database: FreshDatabase) -> AsyncIterator[asyncpg.Pool]:
    """The database as nobody of ours sees it: to put rows in and to look."""
    async with asyncpg.create_pool(fresh_database.dsn(), min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
async def courier_db(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    """With the courier's own role: what that may not do fails here too."""
    db = await Database.connect(fresh_database.dsn("tripcord_courier"))
    yield db
    await db.close()


@pytest.fixture
async def signer(folder: Path, rows: asyncpg.Pool) -> AsyncIterator[StandInSigner]:
    running = StandInSigner(folder, rows)
    await running.start()
    yield running
    await running.stop()


class StandingClock:
    """Stands still until a test moves it; it starts at the time the rows are made at."""

    def __init__(self) -> None:
        self._now = datetime.now(tz=UTC)

    def now(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        self._now = moment


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def idle(
    folder: Path,
    courier_db: Database,
    signer: StandInSigner,
    sandbox: SandboxProcess,
    clock: StandingClock,
) -> AsyncIterator[Courier]:
    """A courier with its inbox open and no loop running: each test runs the steps it means."""
    courier = Courier(courier_db, VerbClient(signer.socket), all_routes(sandbox.url), clock)
    inbox = VerbServer(
        folder / "courier.sock",
        CourierInboxVerb,
        {Send: courier.inbox.send},
        allowed_uids={own_uid()},
    )
    await inbox.start()
    yield courier
    await inbox.stop()
    await courier.stop()


@pytest.fixture
async def trader(rows: asyncpg.Pool, signer: StandInSigner, sandbox: SandboxProcess) -> Trader:
    made = await add_trader(rows, sandbox.new_key())
    signer.know(made)
    return made


async def until(check: Callable[[], Awaitable[bool]], seconds: float = WAIT_SECONDS) -> None:
    """Wait for something another task or process does."""
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.02)


async def settle(courier: Courier) -> None:
    """Wait until everything the courier has under way is done."""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(courier.work):  # noqa: ASYNC110 - new work may come out of the old
            await asyncio.sleep(0.01)
