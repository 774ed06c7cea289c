"""One HSM token, one pair of workers and one database per pytest process; traders per test.

All of it lives on one event loop of the session: a worker takes a second to start.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.db.pool import Database
from app.vault.client import HsmWorkers
from tests.signing.bot import Bot
from tests.signing.parts import Signer, open_signer
from tests.signing.trader import Trader
from tests.support.postgres import TestCluster
from tests.vault.support import Token, find_module, make_token


@pytest.fixture(scope="session")
def hsm_token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    module = find_module("softhsm")
    if module is None:
        pytest.skip("SoftHSM is not installed")
    return make_token("softhsm", module, tmp_path_factory.mktemp("signing") / "hsm")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def workers(hsm_token: Token) -> AsyncIterator[HsmWorkers]:
    async with HsmWorkers(hsm_token.config()) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_signer(cluster: TestCluster, workers: HsmWorkers) -> AsyncIterator[Signer]:
    database = cluster.create()
    signer = await open_signer(database, workers)
    yield signer
    await signer.close()
    cluster.drop(database)


@pytest_asyncio.fixture(loop_scope="session")
async def signer(shared_signer: Signer) -> AsyncIterator[Signer]:
    """The signer with a connected courier, a true clock, fresh prices and nothing released yet."""
    shared_signer.courier.connected = True
    shared_signer.courier.releases.clear()
    shared_signer.clock.ahead *= 0
    await shared_signer.admin.execute("UPDATE venue SET level = 0")
    for market in ("BTCUSDT", "ETHUSDT"):
        await shared_signer.refresh_market(market)
    yield shared_signer


@pytest_asyncio.fixture(loop_scope="session")
async def operator(signer: Signer) -> AsyncIterator[Database]:
    """What an operator's command has: the role of that name."""
    db = await signer.operator()
    yield db
    await db.close()


@pytest.fixture
def trader(signer: Signer) -> Trader:
    return Trader(signer)


@pytest_asyncio.fixture(loop_scope="session")
async def bot(trader: Trader) -> Bot:
    """A bot that may trade: its trader is `trader`."""
    made = await trader.ready()
    trader.signer.courier.releases.clear()
    return made
