"""Who may hand mail in."""

import hashlib
import hmac
import re
from typing import Annotated

import msgspec

from mock_push.disk import Disk

FOLDER = "smtp-accounts"
USERNAME = r"^[a-z0-9][a-z0-9._-]{0,62}\Z"  # also keeps a path out of the file name

Username = Annotated[str, msgspec.Meta(pattern=USERNAME)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class SmtpAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sender's user name and the SHA-256 of its password.

    The passwords are 32 random characters (`mock_push.credentials`), so a plain digest gives
    nothing away.
    """

    username: Username
    password_digest: Digest


class WrongPassword(Exception):
    """No such user name, or another password."""


class SmtpAccounts:
    """Accounts in memory and in the data directory; a file is read when it is first asked for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._known: dict[str, SmtpAccount] = {}

    def add(self, account: SmtpAccount) -> None:
        self._disk.write(f"{FOLDER}/{account.username}.json", msgspec.json.encode(account))
        self._known[account.username] = account

    def authenticate(self, username: str, password: str) -> SmtpAccount:
        """The account of these credentials.

        Raises
        ------
        WrongPassword
            They are nobody's.
        """
        account = self._known.get(username) or self._learn(username)
        given = digest(password)
        if account is None or not hmac.compare_digest(account.password_digest, given):
            raise WrongPassword
        return account

    def _learn(self, username: str) -> SmtpAccount | None:
        if not re.match(USERNAME, username):
            return None
        content = self._disk.read(f"{FOLDER}/{username}.json")
        if content is None:
            return None
        self._known[username] = msgspec.json.decode(content, type=SmtpAccount)
        return self._known[username]


def digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
