"""Make a service account for the mock: the file a sender reads, and the half the mock keeps."""

import json
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mock_push.disk import Disk
from mock_push.handover import CredentialsError, check_request, hand_over, write_private
from mock_push.oauth.accounts import Accounts, ServiceAccount
from mock_push.phones.registrations import DEFAULT_PROJECT

__all__ = ("CredentialsError", "make_service_account")

RSA_BITS = 2048  # what Google generates


def make_service_account(
    *,
    out: Path,
    url: str,
    project: str = DEFAULT_PROJECT,
    data: Path | None = None,
    replace: bool = False,
) -> ServiceAccount:
    """Write a service-account file in Google's format and make the mock trust it.

    Parameters
    ----------
    out
        The file, readable by its owner only. It holds the private key; nothing else does.
    url
        Where the mock listens or will listen; ``<url>/token`` becomes the ``token_uri``.
    data
        The mock's data directory: the public half is put there, the mock need not run. Without it
        the public half is sent to the mock at `url`, which must run.
    replace
        Overwrite `out`. The earlier key stays trusted until its file in `data` is removed.

    Returns
    -------
    ServiceAccount
        The public half.

    Raises
    ------
    CredentialsError
        The file exists, the address is no URL, or the mock did not take the key.
    """
    url = check_request(out=out, url=url, replace=replace)
    private_key = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    account = _public_half(private_key, project)
    # The mock trusts the key before the sender can see it: a file that is there always works.
    if data is not None:
        Accounts(Disk(data)).add(account)
    else:
        hand_over(url, "service-accounts", account)
    write_private(out, _google_file(account, private_key, url), replace=replace)
    return account


def _public_half(private_key: RSAPrivateKey, project: str) -> ServiceAccount:
    name = f"firebase-adminsdk-{secrets.token_hex(3)}"
    pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    fields = {
        "private_key_id": secrets.token_hex(20),
        "client_email": f"{name}@{project}.iam.gserviceaccount.com",
        "project_id": project,
        "public_key": pem.decode(),
    }
    try:
        return msgspec.convert(fields, ServiceAccount)
    except msgspec.ValidationError as error:
        raise CredentialsError(f"{project!r} is not a project id.") from error


def _google_file(account: ServiceAccount, private_key: RSAPrivateKey, url: str) -> bytes:
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificates = "https://www.googleapis.com"
    fields = {
        "type": "service_account",
        "project_id": account.project_id,
        "private_key_id": account.private_key_id,
        "private_key": pem.decode(),
        "client_email": account.client_email,
        "client_id": str(10**20 + secrets.randbelow(9 * 10**20)),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": f"{url}/token",
        "auth_provider_x509_cert_url": f"{certificates}/oauth2/v1/certs",
        "client_x509_cert_url": f"{certificates}/robot/v1/metadata/x509/{account.client_email}",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(fields, indent=2).encode() + b"\n"
