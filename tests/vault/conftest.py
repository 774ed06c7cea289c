"""Each test runs on SoftHSM and on NSS; where a module is not installed it skips, saying so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.vault.client import HsmWorkers
from tests.vault.support import Desk, ProfileName, Token, find_module, make_token, open_desk


def _token(profile: ProfileName, directory: Path) -> Token:
    module = find_module(profile)
    if module is None:
        pytest.skip(f"the PKCS#11 module of {profile} is not installed")
    return make_token(profile, module, directory)


@pytest.fixture(scope="session", params=["softhsm", "nss"])
def token(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Token:
    return _token(request.param, tmp_path_factory.mktemp(request.param) / "hsm")


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Token:
    """For what only a module that enforces templates can show."""
    return _token("softhsm", tmp_path_factory.mktemp("enforcing") / "hsm")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_workers(token: Token) -> AsyncIterator[HsmWorkers]:
    async with HsmWorkers(token.config()) as workers:
        yield workers


@pytest.fixture
def desk(shared_workers: HsmWorkers) -> Desk:
    """A new trader before workers that the tests of a module share: none of them hurts one."""
    return Desk(shared_workers)


@pytest.fixture
async def own_desk(token: Token) -> AsyncIterator[Desk]:
    """Workers of one's own, to be stopped and killed."""
    async with open_desk(token.config()) as opened:
        yield opened
