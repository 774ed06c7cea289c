"""Writing under the trader lock, in line with ourselves and patient with the others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from app.core.errors import Unavailable
from app.db.errors import TraderBusy
from app.db.pool import Database, Tx
from app.egress.work import Turns

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""After that the row is left as it is; what it should have said is asked of the venue again."""

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


class LockedWrites:
    """One write at a time per trader, repeated until it is in.

    A body may run twice: when the answer to a commit was lost, the first may have been in.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns = Turns()

    async def run(self, trader_id: UUID, body: Callable[[Tx], Awaitable[T]]) -> T:
        """Run `body` in a transaction that holds the trader's lock.

        Raises
        ------
        DatabaseUnavailable, TraderBusy
            For half a minute, so nothing was written.
        """
        clock = asyncio.get_running_loop().time
        give_up_at, pause = clock() + PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
        # Our own outcomes wait here and not for the row: they leave its four places to others.
        async with self._turns.of(trader_id):
            while True:
                try:
                    async with self._db.locked(trader_id) as tx:
                        return await body(tx)
                except (TraderBusy, Unavailable) as refused:
                    if clock() + pause > give_up_at:
                        _LOG.error("nothing could be written", extra={"reason": refused.code})
                        raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
