"""Service accounts the mock knows: their public halves."""

import re
from typing import Annotated

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from mock_push.disk import Disk
from mock_push.status import InvalidArgumentError

FOLDER = "service-accounts"
KEY_ID = re.compile(r"[0-9a-f]{40}\Z")  # also keeps a path out of the file name
MIN_RSA_BITS = 2048


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public half of a service-account key.

    Attributes
    ----------
    private_key_id
        Google's name for the key pair, 40 hexadecimal digits; ``kid`` of the assertion.
    client_email
        ``iss`` of the assertion.
    project_id
        The only project this account may send for.
    public_key
        RSA, PEM (SubjectPublicKeyInfo).
    """

    private_key_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
    client_email: Annotated[str, msgspec.Meta(min_length=3, max_length=320)]
    project_id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
    public_key: str

    def verifying_key(self) -> RSAPublicKey:
        """The key to verify with.

        Raises
        ------
        InvalidArgumentError
            It is not an RSA public key of at least 2048 bits.
        """
        try:
            key = load_pem_public_key(self.public_key.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidArgumentError("The public key is not PEM.") from error
        if not isinstance(key, RSAPublicKey) or key.key_size < MIN_RSA_BITS:
            raise InvalidArgumentError("The public key is not RSA of at least 2048 bits.")
        return key


class Accounts:
    """Service accounts, in memory and in the data directory.

    A file is read when its key is first asked for, so an account may be written while the mock
    runs: `tripcord up` makes the account before or after it starts the mock.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._known: dict[str, ServiceAccount] = {}

    def add(self, account: ServiceAccount) -> None:
        """Trust a key pair.

        Raises
        ------
        InvalidArgumentError
            The public key is unusable.
        """
        account.verifying_key()
        self._disk.write(f"{FOLDER}/{account.private_key_id}.json", msgspec.json.encode(account))
        self._known[account.private_key_id] = account

    def by_key_id(self, key_id: str) -> ServiceAccount | None:
        if not KEY_ID.match(key_id):
            return None
        if key_id not in self._known:
            self._learn(f"{FOLDER}/{key_id}.json")
        return self._known.get(key_id)

    def has_email(self, client_email: str) -> bool:
        for name in self._disk.names(FOLDER):
            self._learn(name)
        return any(account.client_email == client_email for account in self._known.values())

    def _learn(self, name: str) -> None:
        content = self._disk.read(name)
        if content is not None:
            account = msgspec.json.decode(content, type=ServiceAccount)
            self._known[account.private_key_id] = account
