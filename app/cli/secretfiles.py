"""Secrets we make ourselves: one file each, mode 600, owned by the process that reads it."""

import os
import secrets
from pathlib import Path

from app.cli.accounts import Account
from app.cli.places import make_directory, write_private
from app.cli.roles import ROLES
from app.core.secret import Secret

_BYTES = 32
"""256 random bits; as base64url they fit a password, a PIN and a URL without quoting."""


class SecretFiles:
    """A directory of secrets. ``mode`` is 711 where several accounts come for their own file."""

    def __init__(self, directory: Path, mode: int = 0o700) -> None:
        self._directory = make_directory(directory, mode)

    def file(self, name: str, *, reader: Account | None = None) -> Path:
        """The file of a secret: made on the first call, given to ``reader`` on every one."""
        path = self._directory / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(_BYTES).encode())
        if reader is not None:
            os.chown(path, reader.uid, reader.gid)
        return path

    def keep(self, name: str, content: bytes, *, reader: Account | None = None) -> Path:
        """Store a secret somebody else made."""
        path = self._directory / name
        write_private(path, content, reader)
        return path

    def read(self, name: str) -> Secret:
        return Secret(self.file(name).read_bytes())

    def role_passwords(self) -> dict[str, Secret]:
        """The password of every database role, made where missing."""
        return {role.name: self.read(role.name) for role in ROLES}
