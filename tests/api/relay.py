"""A wire between the api and PostgreSQL that a test can cut, or cut at one word."""

import asyncio
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from app.cli.postgres import PORT
from tests.support.postgres import FreshDatabase

_SOCKET = f".s.PGSQL.{PORT}"


class Relay:
    """Carries bytes both ways. `mute_at` forwards what holds the word and then loses the answer;
    `cut_at` does not even forward it.
    """

    def __init__(self, database: FreshDatabase, folder: Path) -> None:
        query = urlsplit(database.server_dsn).query
        host = dict(pair.split("=", 1) for pair in query.split("&"))["host"]
        self._real = Path(unquote(host)) / _SOCKET
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut_at: bytes | None = None
        self.mute_at: bytes | None = None
        self._losing_answers = False
        own = quote(str(folder), safe="")
        self.database = database._replace(server_dsn=database.server_dsn.replace(host, own))

    def mend(self) -> None:
        """Carry everything again."""
        self.cut_at = self.mute_at = None
        self._losing_answers = False

    async def connect(self) -> None:
        path = self._folder / _SOCKET
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(path))

    async def cut(self) -> None:
        """Nobody listens any more, and what was connected is not."""
        if self._server is not None:
            self._server.close()
            self._server = None
        (self._folder / _SOCKET).unlink(missing_ok=True)
        self._hang_up()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hang_up(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._real))
        pair = {writer, far_writer}
        self._open |= pair
        for pump in (
            self._pump(reader, far_writer, to_database=True),
            self._pump(far_reader, writer, to_database=False),
        ):
            task = asyncio.create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_database: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if to_database and self.cut_at is not None and self.cut_at in data:
                    self._hang_up()
                    return
                if self._losing_answers and not to_database:
                    self._hang_up()
                    return
                if to_database and self.mute_at is not None and self.mute_at in data:
                    self._losing_answers = True
                writer.write(data)
                await writer.drain()
        self._open.discard(writer)
        writer.transport.abort()
