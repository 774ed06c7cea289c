"""The SDK exactly as a product uses it: Google's names, TLS, nothing of it touched.

Only the network's far end is changed, as a hosts file or a container's alias would change it: in a
process of its own a resolver leads Google's names to the mock.
"""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from mock_push.credentials import make_service_account
from mock_push.oauth.accounts import ServiceAccount
from mock_push.tls import AUTHORITY_FILE, SERVER_FILE, Identity, make_identity
from tests.mock_push.support import RunningMock

NOW = datetime(2026, 12, 1, tzinfo=UTC)

ALIASES = """
import os, socket

PORT = int(os.environ["MOCK_TLS_PORT"])
asked, resolve = set(), socket.getaddrinfo


def getaddrinfo(host, port, *rest, **named):
    asked.add((host, port))
    if isinstance(host, str) and host.endswith(".googleapis.com") and port == 443:
        return resolve("127.0.0.1", PORT, *rest, **named)
    return resolve(host, port, *rest, **named)


socket.getaddrinfo = getaddrinfo
"""

SENDER = """
import json, sys, firebase_admin
from firebase_admin import credentials, messaging
import sitecustomize

app = firebase_admin.initialize_app(credentials.Certificate(sys.argv[1]), {"httpTimeout": 10})
android = messaging.AndroidConfig(priority="high", ttl=90)
message = messaging.Message({"v": "1", "rid": "route-c"}, fid=sys.argv[2], android=android)
name = messaging.send(message, app=app)
try:
    messaging.send(messaging.Message({"v": "1"}, fid=sys.argv[3]), app=app)
except messaging.UnregisteredError as error:
    refusal = type(error).__name__
print(json.dumps({"name": name, "refusal": refusal, "asked": sorted(sitecustomize.asked)}))
"""


@pytest.fixture
def mock(account_file: Path, account: ServiceAccount, identity: Identity) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account, identity=identity)
    yield running
    running.close()


def test_the_untouched_sdk_sends_over_tls_to_googles_names(
    mock: RunningMock, tmp_path: Path
) -> None:
    account_file = tmp_path / "sa.json"
    mock.world.accounts.add(
        make_service_account(
            out=account_file, url="https://oauth2.googleapis.com", data=tmp_path / "data"
        )
    )
    (tmp_path / "sitecustomize.py").write_text(ALIASES)
    here, gone = mock.phone(), mock.phone()
    mock.http.delete(f"/mock/phones/{gone}")
    authority = str(mock.world.addresses.authority_file)
    done = subprocess.run(  # noqa: S603 our own interpreter and script
        [sys.executable, "-W", "ignore", "-c", SENDER, str(account_file), here, gone],
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path),
            "MOCK_TLS_PORT": str(mock.world.addresses.tls).rpartition(":")[2],
            "SSL_CERT_FILE": authority,
            "REQUESTS_CA_BUNDLE": authority,
            "NO_PROXY": "*",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["refusal"] == "UnregisteredError"
    assert ["fcm.googleapis.com", 443] in said["asked"]
    assert ["oauth2.googleapis.com", 443] in said["asked"]
    [item] = mock.read(here)
    assert item["message_id"] == said["name"]
    assert item["message"]["data"]["rid"] == "route-c"


def test_a_sender_that_does_not_trust_the_authority_is_not_served(mock: RunningMock) -> None:
    host, port = "127.0.0.1", int(str(mock.world.addresses.tls).rpartition(":")[2])
    with pytest.raises(ssl.SSLError):
        ssl.get_server_certificate((host, port), ca_certs=ssl.get_default_verify_paths().cafile)


def test_the_authority_can_be_fetched_by_who_cannot_read_the_file(mock: RunningMock) -> None:
    own = Path(str(mock.world.addresses.authority_file)).read_bytes()
    assert mock.http.get("/mock/authority.pem").content == own


def test_google_names_the_places_an_account_may_be_used(mock: RunningMock) -> None:
    path = "/v1/projects/-/serviceAccounts/x@y.iam.gserviceaccount.com/allowedLocations"
    assert mock.http.get(path).json() == {"locations": [], "encodedLocations": "0x0"}


def test_the_authoritys_key_is_nowhere(tmp_path: Path) -> None:
    make_identity(tmp_path, now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [AUTHORITY_FILE, SERVER_FILE]
    assert b"PRIVATE" not in (tmp_path / AUTHORITY_FILE).read_bytes()
    assert (tmp_path / SERVER_FILE).read_bytes().count(b"BEGIN PRIVATE KEY") == 1
    assert (tmp_path / SERVER_FILE).stat().st_mode & 0o777 == 0o600
    authority, server = (
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes())
        for name in (AUTHORITY_FILE, SERVER_FILE)
    )
    server.verify_directly_issued_by(authority)
    assert authority.public_key() != server.public_key()


def test_a_restart_keeps_the_certificate_until_it_is_nearly_over(tmp_path: Path) -> None:
    def made(now: datetime) -> bytes:
        make_identity(tmp_path, now=now)
        return (tmp_path / AUTHORITY_FILE).read_bytes() + (tmp_path / SERVER_FILE).read_bytes()

    first = made(NOW)
    assert made(NOW + timedelta(days=22)) == first
    assert made(NOW + timedelta(days=24)) != first
