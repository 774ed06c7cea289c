"""A PostgreSQL of the drill's own, migrated, taken away afterwards."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli.migrate import Server, migrate
from app.cli.postgres import EmbeddedPostgres
from app.cli.roles import ROLES
from app.core.secret import Secret
from scripts.drills.stage import Base

_DATABASE = "drill"


@contextmanager
def database(*, durable: bool) -> Iterator[Base]:
    """A fresh cluster with every role. Not `durable`: commits do not wait for a disk."""
    directory = Path(tempfile.mkdtemp(prefix="tripcord-drill-"))
    directory.chmod(0o711)  # PostgreSQL runs as another account where we are root
    postgres = EmbeddedPostgres(directory / "pg", durable=durable)
    try:
        postgres.start()
        roles = {role.name: Secret(secrets.token_urlsafe(16).encode()) for role in ROLES}
        migrate(Server(postgres.dsn(), postgres.password), roles, database=_DATABASE)
        passwords = {name: secret.reveal().decode() for name, secret in roles.items()}
        passwords["postgres"] = postgres.password.reveal().decode()
        yield Base(_DATABASE, postgres.dsn(), passwords)
    finally:
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)
