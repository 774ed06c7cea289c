"""A real PostgreSQL for tests: one cluster per pytest process, one fresh database where asked.

`fresh_database` costs about 50 ms: it copies a template in which the migrations ran once.
"""

import itertools
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from app.cli.migrate import Server, migrate, with_login
from app.cli.postgres import EmbeddedPostgres
from app.cli.roles import ROLES
from app.core.secret import Secret

TEMPLATE = "tripcord_template"
SUPERUSER = "postgres"


class FreshDatabase(NamedTuple):
    """A migrated database nobody else uses."""

    name: str
    server_dsn: str
    passwords: dict[str, str]

    def dsn(self, role: str = SUPERUSER) -> str:
        """Connection URL with password. Roles: the superuser, or one of `app.cli.roles.ROLES`."""
        parts = with_login(self.server_dsn, role, self.name)
        return parts.replace("@", f":{quote(self.passwords[role], safe='')}@", 1)


class TestCluster:
    """A throw-away cluster: roles made, template migrated."""

    __test__ = False

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        roles = {role.name: Secret(secrets.token_urlsafe(16).encode()) for role in ROLES}
        self.server = Server(self.postgres.dsn(), self.postgres.password)
        migrate(self.server, roles, database=TEMPLATE)
        self._passwords = {name: secret.reveal().decode() for name, secret in roles.items()}
        self._passwords[SUPERUSER] = self.postgres.password.reveal().decode()
        self._numbers = itertools.count()

    @property
    def roles(self) -> list[str]:
        """Names of the login roles."""
        return [role.name for role in ROLES]

    def password_of(self, role: str) -> str:
        return self._passwords[role]

    def create(self) -> FreshDatabase:
        name = f"test_{next(self._numbers)}"
        # Database privileges are not copied with a template.
        others = ", ".join(self.roles)
        self.postgres.psql(
            f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER tripcord_owner;\n"
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;\n"
            f"GRANT CONNECT ON DATABASE {name} TO {others};"
        )
        return FreshDatabase(name, self.postgres.dsn(), self._passwords)

    def drop(self, database: FreshDatabase) -> None:
        self.postgres.psql(f"DROP DATABASE {database.name} WITH (FORCE);")


def public_temporary_directory() -> Path:
    """A directory the account of PostgreSQL can enter (pytest's own are closed to it)."""
    directory = Path(tempfile.mkdtemp(prefix="tripcord-test-"))
    directory.chmod(0o711)
    return directory


def remove(directory: Path) -> None:
    """Remove such a directory, whoever owns what is inside."""
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def cluster() -> Iterator[TestCluster]:
    """One server per pytest process (and so per xdist worker)."""
    directory = public_temporary_directory()
    postgres = EmbeddedPostgres(directory / "pg", durable=False)
    try:
        postgres.start()
        yield TestCluster(postgres)
    finally:
        postgres.stop()
        remove(directory)


@pytest.fixture(scope="module")
def module_database(cluster: TestCluster) -> Iterator[FreshDatabase]:
    """A migrated database shared by the tests of one file."""
    database = cluster.create()
    yield database
    cluster.drop(database)


@pytest.fixture
def fresh_database(cluster: TestCluster) -> Iterator[FreshDatabase]:
    """A migrated database for one test."""
    database = cluster.create()
    yield database
    cluster.drop(database)


@pytest.fixture(scope="session")
def make_database(cluster: TestCluster) -> Callable[[], FreshDatabase]:
    """For tests that need several; they go with the cluster."""
    return cluster.create
