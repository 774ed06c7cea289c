"""A whole Tripcord for one benchmark: `tripcord up` on a fresh directory, taken away afterwards."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console

from scripts.benches.common import BenchFailed
from scripts.clients.stack import Addresses, Stack

ROOT = Path(".tripcord")
"""In the checkout and not in the system's temporary directory, which may be memory: a commit has
to reach a disk."""

DATABASE = "tripcord"
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. `directory` is on the disk that its database commits to."""

    stack: Stack
    addresses: Addresses
    directory: Path

    @asynccontextmanager
    async def owner(self, database: str = DATABASE) -> AsyncIterator[Any]:
        """A connection as the database's superuser: beneath the API, and beneath every grant."""
        connection = await asyncpg.connect(**self.login(database))
        try:
            yield connection
        finally:
            await connection.close()

    def login(self, database: str) -> dict[str, str]:
        """Arguments of `asyncpg.connect` for the superuser."""
        where = json.loads((self.stack.data / "addresses.json").read_bytes())
        password = (self.stack.data / "postgres" / "superuser_password").read_text()
        dsn = where["database_dsn"].replace("@/postgres?", f"@/{database}?")
        return {"dsn": dsn, "password": password}


@contextmanager
def service(console: Console) -> Iterator[Service]:
    """Start everything on a new cluster and token; stop and remove it whatever happens."""
    ROOT.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT.resolve()))
    directory.chmod(0o711)  # PostgreSQL runs as another account where we are root
    stack = Stack(directory / "data")
    try:
        console.print("starting `tripcord up` on a fresh data directory")
        yield Service(stack, stack.start(), directory)
    finally:
        stack.stop()
        shutil.rmtree(directory, ignore_errors=True)


async def settings_of(connection: Any) -> dict[str, str]:
    """The server's version and what makes its commits durable.

    Raises
    ------
    BenchFailed
        A commit would not wait for the disk, so that a ratio would flatter nobody knows whom.
    """
    found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in _SAFE}
    if found != _SAFE:
        raise BenchFailed(f"PostgreSQL does not commit durably here: {found}")
    return {"postgresql": str(await connection.fetchval("SHOW server_version")), **found}
