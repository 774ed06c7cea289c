"""Join what waits into one statement; send at once what comes alone.

t0  a question arrives; with nothing under way it goes at once, alone
t1  further ones arrive and wait
t2  the first statement is committed; all that wait go together, in one statement of their own
t3  its snapshot is taken: after t2, so after each of them arrived (P1: a revoke that was
    acknowledged before a question arrived is always seen)
t4  committed, log entries included; only now do the answers leave (P6)
"""

import asyncio
import logging
from uuid import UUID

from app.accesslog import log
from app.accesslog.errors import LogUnavailable
from app.core.errors import Unavailable
from app.core.ids import new_id
from app.db.pool import Database
from app.introspection import store
from app.introspection.models import Found, Question

MAX_BATCH = 256

_LOG = logging.getLogger(__name__)
_Waiting = tuple[Question, asyncio.Future[Found], float]
"""What was asked, where the answer goes, and when (loop time) it is too late for one."""


class Coalescer:
    """One writer of read chains. After any doubt about a batch it takes a new chain."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._chain: UUID = new_id()
        self._pending: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None
        self._abandoned: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Found:
        """What may be said of a token, once it is durable that it was asked.

        Raises
        ------
        LogUnavailable
            Not durable within `log.DURABLE_SECONDS` of its arrival; nothing may be answered.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()
        self._pending.append((question, answer, loop.time() + log.DURABLE_SECONDS))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await answer

    async def stop(self) -> None:
        """End without an answer to whoever still waits."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*self._abandoned, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending[:MAX_BATCH], self._pending[MAX_BATCH:]
                await self._answer(batch)
        finally:
            self._running = None
            for _, answer, _ in self._pending:  # only after a cancellation
                answer.cancel()

    async def _answer(self, batch: list[_Waiting]) -> None:
        """Answer or refuse every one of a batch, at the latest when its oldest member must be.

        Those who wait behind it arrived later, so their own deadlines are not missed by waiting.
        """
        task = asyncio.create_task(self._try(batch))
        left = batch[0][2] - asyncio.get_running_loop().time()
        try:
            await asyncio.wait({task}, timeout=left)
        finally:
            if not task.done():  # a connection may take long to come back; nobody waits for it
                self._chain = new_id()
                self._abandoned.add(task)
                task.add_done_callback(self._abandoned.discard)
                task.cancel()
                _refuse(batch)

    async def _try(self, batch: list[_Waiting]) -> None:
        try:
            async with self._db.session() as tx:
                found = await store.introspect(tx, self._chain, [q for q, _, _ in batch])
        except Unavailable:
            self._chain = new_id()
            _refuse(batch)
            return
        except Exception:  # noqa: BLE001 - see below
            # One of them is poison, or all are. Halves find it in a few statements; the others
            # get their answer. The message may hold what was asked, so it is not passed on.
            self._chain = new_id()
            if len(batch) == 1:
                _LOG.exception("an introspection failed")
                _refuse(batch)
                return
            middle = len(batch) // 2
            await self._try(batch[:middle])
            await self._try(batch[middle:])
            return
        for (_, answer, _), one in zip(batch, found, strict=True):
            if not answer.done():
                answer.set_result(one)


def _refuse(batch: list[_Waiting]) -> None:
    for _, answer, _ in batch:
        if not answer.done():
            answer.set_exception(LogUnavailable())
