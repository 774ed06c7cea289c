import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.clock import SystemClock
from app.core.secret import Secret
from app.db.pool import Database
from app.push.fcm import FcmSender
from app.push.service import Dispatcher, Sender
from mock_push.credentials import make_service_account
from tests.push.support import QUICK, Running, ScriptedFcm
from tests.support.postgres import FreshDatabase
from tests.support.push import start_mock_push


class Mock:
    """mock_push as a process of its own, and what a virtual phone reads from it."""

    def __init__(self, url: str, account_file: Path) -> None:
        self.url = url
        self.account_file = account_file
        self.secret = Secret(account_file.read_bytes())
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def phone(self, kind: str = "fid", project: str = "tripcord-demo") -> str:
        reply = self.http.post("/mock/phones", json={"kind": kind, "project": project})
        return str(reply.raise_for_status().json()["registration"])

    def uninstall(self, registration: str) -> None:
        self.http.delete(f"/mock/phones/{registration}").raise_for_status()

    def read(self, registration: str) -> list[dict[str, Any]]:
        reply = self.http.get(f"/mock/phones/{registration}/messages")
        return [item["message"] for item in reply.raise_for_status().json()["items"]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # the SDK's requests would ask a proxy otherwise


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    url, account_file, stop = start_mock_push(tmp_path_factory.mktemp("mock"))
    running = Mock(url, account_file)
    yield running
    running.http.close()
    stop()


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One key pair for all tests with the scripted FCM, which does not look at it."""
    folder = tmp_path_factory.mktemp("account")
    out = folder / "account.json"
    make_service_account(out=out, url="http://127.0.0.1:1", data=folder)
    content: dict[str, str] = json.loads(out.read_text())
    return content


@pytest.fixture
def fcm() -> Iterator[ScriptedFcm]:
    running = ScriptedFcm()
    yield running
    running.close()


@pytest.fixture
def fcm_secret(fcm: ScriptedFcm, account: dict[str, str]) -> Secret:
    return Secret(json.dumps(account | {"token_uri": f"{fcm.url}/token"}).encode())


@pytest.fixture
async def sender(fcm: ScriptedFcm, fcm_secret: Secret) -> AsyncIterator[FcmSender]:
    """The real SDK against the scripted FCM."""
    sender = FcmSender(fcm_secret, origin=fcm.url, threads=8, clock=SystemClock())
    yield sender
    await sender.close()


@pytest.fixture
async def hasty_sender(fcm: ScriptedFcm, fcm_secret: Secret) -> AsyncIterator[FcmSender]:
    """Gives up after 0.3 seconds."""
    sender = FcmSender(
        fcm_secret, origin=fcm.url, threads=8, clock=SystemClock(), timeout_seconds=0.3
    )
    yield sender
    await sender.close()


@pytest.fixture
async def mock_sender(mock: Mock) -> AsyncIterator[FcmSender]:
    """The real SDK against mock_push."""
    sender = FcmSender(mock.secret, origin=mock.url, threads=8, clock=SystemClock())
    yield sender
    await sender.close()


@pytest.fixture
async def database(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    """As the dispatcher's role: its grants must be enough."""
    database = await Database.connect(fresh_database.dsn("tripcord_dispatcher"), max_size=6)
    yield database
    await database.close()


@pytest.fixture
async def admin(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    """As the superuser, for what other processes do."""
    database = await Database.connect(fresh_database.dsn(), min_size=1)
    yield database
    await database.close()


@pytest.fixture
def running(database: Database) -> Running:
    """`async with running(sender):` has a dispatcher at work."""

    @asynccontextmanager
    async def run(sender: Sender) -> AsyncIterator[None]:
        stop = asyncio.Event()
        dispatcher = Dispatcher(database, sender, SystemClock(), pace=QUICK, dice=lambda: 0.0)
        working = asyncio.create_task(dispatcher.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(working, 10)

    return run
