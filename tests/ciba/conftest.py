"""Two api processes of one origin, the real signer behind them, a platform and a phone."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import pytest
import pytest_asyncio

from scripts.clients.ciba import ASSERTION_TYPE, GRANT_TYPE, Asked, CibaClient
from scripts.clients.http import Api
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from scripts.clients.platform import Platform
from tests.api.process import ApiProcess
from tests.api.real_signer import real_signer
from tests.api.rows import add_platform
from tests.support.postgres import FreshDatabase
from tests.vault.support import Token, find_module, make_token

T = TypeVar("T")


async def do(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """The clients block: they get a thread, because the signer runs in this loop."""
    return await asyncio.to_thread(work, *arguments, **named)


class Shop:
    """A platform as a client of CIBA: by the guide's client, and by forms of its own making."""

    def __init__(self, api: Api, client_id: str, key: KeyPair) -> None:
        self.api, self.client_id, self.key = api, client_id, key
        self.platform = Platform(api, client_id=client_id, key=key)
        self.ciba = CibaClient(api, client_id=client_id, key=key)

    def proof(self, path: str, **changes: Any) -> dict[str, str]:
        assertion = self.key.client_assertion(
            client_id=self.client_id, audience=self.api.origin + path, **changes
        )
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    async def post(
        self,
        path: str,
        form: dict[str, str],
        *,
        url: str | None = None,
        dpop: str | None = None,
    ) -> httpx.Response:
        headers = {} if dpop is None else {"DPoP": dpop}
        async with httpx.AsyncClient(
            base_url=url or self.api.origin, timeout=30, trust_env=False
        ) as http:
            return await http.post(path, data={**self.proof(path), **form}, headers=headers)

    async def begin(self, **form: str) -> httpx.Response:
        return await self.post("/oauth/bc-authorize", {"scope": "openid", **form})

    async def redeem(self, auth_req_id: str, *, url: str | None = None) -> httpx.Response:
        form = {"grant_type": GRANT_TYPE, "auth_req_id": auth_req_id}
        return await self.post("/oauth/token", form, url=url)

    async def poll(self, asked: Asked) -> tuple[int, str]:
        """Status and error of one poll; ("200", "") where it was redeemed."""
        answer = await self.redeem(asked.auth_req_id.reveal())
        return answer.status_code, answer.json().get("error", "")


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Token:
    module = find_module("softhsm")
    if module is None:
        pytest.skip("SoftHSM is not installed")
    return make_token("softhsm", module, tmp_path_factory.mktemp("ciba") / "hsm")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(module_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tc-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def process(module_database: FreshDatabase, folder: Path) -> Iterator[ApiProcess]:
    running = ApiProcess(module_database, folder, origin=None)
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(scope="module")
def second(module_database: FreshDatabase, folder: Path, process: ApiProcess) -> Iterator[str]:
    """The URL of another node of the same service."""
    running = ApiProcess(module_database, folder, origin=process.url)
    yield running.url
    assert running.stop() == 0, running.log()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin(
    module_database: FreshDatabase, hsm: Token, folder: Path, process: ApiProcess
) -> AsyncIterator[str]:
    async with real_signer(module_database, hsm, folder, issuer=process.url):
        yield process.url


@pytest.fixture
def api(origin: str) -> Iterator[Api]:
    with Api(origin) as client:
        yield client


async def shop_of(
    api: Api,
    rows: asyncpg.Connection,
    *,
    delivery: str | None = "poll",
    endpoint: str | None = None,
) -> Shop:
    row = await add_platform(rows)
    await rows.execute(
        "UPDATE platform SET ciba_delivery = $2, ciba_endpoint = $3 WHERE platform_id = $1",
        *(row.platform_id, delivery, endpoint),
    )
    return Shop(api, str(row.platform_id), row.key)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(api: Api, rows: asyncpg.Connection) -> Shop:
    return await shop_of(api, rows)


async def phone_of(shop: Shop) -> Phone:
    invitation = await do(shop.platform.create_trader)
    new = Phone(name="a phone", inbox=None)
    await do(new.enrol, invitation.enrolment_uri.reveal())
    return new


@pytest_asyncio.fixture(loop_scope="module")
async def phone(shop: Shop) -> AsyncIterator[Phone]:
    """Of a new trader of the shop, with an authenticator."""
    new = await phone_of(shop)
    await do(new.enrol_totp, label="app")
    yield new
    new.close()
