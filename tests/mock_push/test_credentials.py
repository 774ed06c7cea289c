"""The service-account file a sender reads, and the half the mock keeps."""

import json
import stat
from pathlib import Path

import firebase_admin.credentials
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mock_push.credentials import CredentialsError, make_service_account
from mock_push.disk import Disk
from mock_push.oauth.accounts import Accounts, ServiceAccount
from tests.mock_push.support import RunningMock

URL = "http://127.0.0.1:8085"
PRIVATE = b"PRIVATE KEY"


def test_the_sdk_reads_the_file(tmp_path: Path) -> None:
    out = tmp_path / "sa.json"
    account = make_service_account(out=out, url=URL + "/", data=tmp_path / "data")
    certificate = firebase_admin.credentials.Certificate(str(out))
    assert certificate.project_id == account.project_id == "tripcord-demo"
    assert certificate.service_account_email == account.client_email
    assert certificate.get_credential()._token_uri == f"{URL}/token"


def test_the_private_key_is_in_the_senders_file_alone(tmp_path: Path) -> None:
    out = tmp_path / "sa.json"
    make_service_account(out=out, url=URL, data=tmp_path / "data")
    holders = [
        path for path in tmp_path.rglob("*") if path.is_file() and PRIVATE in path.read_bytes()
    ]
    assert holders == [out]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_file_in_use_is_not_overwritten_unawares(tmp_path: Path) -> None:
    out = tmp_path / "sa.json"
    first = make_service_account(out=out, url=URL, data=tmp_path / "data")
    with pytest.raises(CredentialsError, match="exists"):
        make_service_account(out=out, url=URL, data=tmp_path / "data")
    assert json.loads(out.read_text())["private_key_id"] == first.private_key_id
    assert len(list((tmp_path / "data").rglob("*.json"))) == 1  # and no key trusted for nothing
    second = make_service_account(out=out, url=URL, data=tmp_path / "data", replace=True)
    assert json.loads(out.read_text())["private_key_id"] == second.private_key_id
    assert second.private_key_id != first.private_key_id
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_without_a_data_directory_the_running_mock_takes_the_key(
    mock: RunningMock, tmp_path: Path
) -> None:
    out = tmp_path / "sa.json"
    account = make_service_account(out=out, url=mock.url)
    mock.account_info = json.loads(out.read_text())
    assert mock.account_info["client_email"] == account.client_email
    assert mock.access_token().startswith("ya29.")


def test_without_a_mock_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "sa.json"
    with pytest.raises(CredentialsError, match="did not take the key"):
        make_service_account(out=out, url="http://127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["127.0.0.1:8085", "ftp://x", "http://a/b", "http://", ""])
def test_a_url_must_be_one(tmp_path: Path, url: str) -> None:
    with pytest.raises(CredentialsError, match="is not an http address"):
        make_service_account(out=tmp_path / "sa.json", url=url, data=tmp_path / "data")


def test_a_project_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="is not a project id"):
        make_service_account(out=tmp_path / "sa.json", url=URL, data=tmp_path, project="A/b")


def pem(key: PublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_the_mock_takes_rsa_keys_of_2048_bits_and_more(
    mock: RunningMock, account: ServiceAccount
) -> None:
    good = msgspec.to_builtins(account)
    for key in (
        "no key",
        pem(generate_private_key(SECP256R1()).public_key()),
        pem(generate_rsa(public_exponent=65537, key_size=1024).public_key()),  # noqa: S505 refused
    ):
        reply = mock.http.post("/mock/service-accounts", json=good | {"public_key": key})
        assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert mock.http.post("/mock/service-accounts", json=good).status_code == 201


def test_a_key_id_never_leads_out_of_the_folder(tmp_path: Path, account: ServiceAccount) -> None:
    accounts = Accounts(Disk(tmp_path))
    accounts.add(account)
    (tmp_path / "elsewhere.json").write_text("{}")
    assert Accounts(Disk(tmp_path)).by_key_id(account.private_key_id) == account
    assert Accounts(Disk(tmp_path)).by_key_id("../elsewhere") is None


def test_an_account_written_by_another_process_is_known_by_its_email(
    tmp_path: Path, account: ServiceAccount
) -> None:
    running = Accounts(Disk(tmp_path))
    assert not running.has_email(account.client_email)
    Accounts(Disk(tmp_path)).add(account)
    assert running.has_email(account.client_email)


@pytest.mark.parametrize("key_id", ["", "../../etc/passwd", "A" * 40, "0" * 39, "0" * 40 + "\n"])
def test_a_key_id_is_never_a_path(mock: RunningMock, account: ServiceAccount, key_id: str) -> None:
    body = msgspec.to_builtins(account) | {"private_key_id": key_id}
    assert mock.http.post("/mock/service-accounts", json=body).status_code == 400
    assert mock.world.accounts.by_key_id(key_id) is None
