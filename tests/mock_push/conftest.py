from collections.abc import Iterator
from pathlib import Path

import firebase_admin
import msgspec
import pytest

from mock_push.credentials import make_service_account
from mock_push.oauth.accounts import ServiceAccount
from mock_push.tls import Identity, make_identity
from tests.mock_push.support import RunningMock, make_sdk


@pytest.fixture(scope="session")
def account_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key pair for all tests: making one takes a tenth of a second and more."""
    folder = tmp_path_factory.mktemp("account")
    out = folder / "service-account.json"
    make_service_account(out=out, url="http://127.0.0.1:1", data=folder / "data")
    return out


@pytest.fixture(scope="session")
def account(account_file: Path) -> ServiceAccount:
    [public_half] = (account_file.parent / "data" / "service-accounts").iterdir()
    return msgspec.json.decode(public_half.read_bytes(), type=ServiceAccount)


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")  # the SDK's requests would ask a proxy otherwise
        yield


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def mock(account_file: Path, account: ServiceAccount, identity: Identity) -> Iterator[RunningMock]:
    """A mock of the test's own; a module whose tests move no clock may share one."""
    running = RunningMock(account_file, account, identity=identity)
    yield running
    running.close()


@pytest.fixture
def sdk(mock: RunningMock) -> Iterator[firebase_admin.App]:
    app = make_sdk(mock.account_info, mock.url)
    yield app
    firebase_admin.delete_app(app)
