"""Append to the log: in the change's own transaction, or durable before a read's answer."""

import asyncio
import logging
from uuid import UUID

from app.accesslog import store
from app.accesslog.errors import LogUnavailable
from app.accesslog.models import LOCKED_CHAIN, Entry
from app.core.errors import DomainError
from app.core.ids import new_id
from app.db.errors import Conflict
from app.db.pool import Database, Tx

_LOG = logging.getLogger(__name__)

DURABLE_SECONDS = 2.0
"""An entry that is not durable by then refuses its request."""

MAX_BATCH = 512


async def append_locked(tx: Tx, entry: Entry) -> int:
    """Append to the trader's locked chain; stands or falls with the caller's transaction.

    The caller holds the trader lock (`Database.locked`).
    """
    return await store.append(tx, LOCKED_CHAIN, entry)


class ReadLog:
    """One writer's read chains: many entries, one commit, each awaited until durable.

    A writer id names one start of one process. After a batch whose outcome is unclear the writer
    takes a new id, so a chain never continues on a head it only hopes for.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._chain: UUID = new_id()
        self._pending: list[tuple[Entry, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def append(self, entry: Entry) -> None:
        """Return once the entry is durable.

        Raises
        ------
        LogUnavailable
            Not durable within two seconds; the caller must not answer.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((entry, done))
        self._wake.set()
        try:
            await asyncio.wait_for(done, DURABLE_SECONDS)
        except TimeoutError:
            raise LogUnavailable from None

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                batch, self._pending = self._pending[:MAX_BATCH], self._pending[MAX_BATCH:]
                await self._write_batch(batch)

    async def _write_batch(self, batch: list[tuple[Entry, asyncio.Future[None]]]) -> None:
        try:
            async with self._db.transaction() as tx:
                await store.append_batch(tx, self._chain, [entry for entry, _ in batch])
        except Exception as error:  # noqa: BLE001 - see below
            # Whatever it was: nobody may be told "logged", and the writer must live to try again.
            if not isinstance(error, DomainError | Conflict):
                _LOG.exception("a batch of the access log failed")
            self._chain = new_id()
            for _, done in batch:
                if not done.done():
                    done.set_exception(LogUnavailable())
            return
        for _, done in batch:
            if not done.done():
                done.set_result(None)
