"""Asking the signer: one question per trader at a time."""

import asyncio
from typing import Any

from app.db.errors import TraderBusy
from app.egress.work import Turns
from app.verbs.client import VerbClient
from app.verbs.errors import PeerUnavailable, RefusedByPeer
from app.verbs.wire import CleanUp, VenueRead

_BUSY_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)


class Signer:
    """The signer takes the trader lock for every answer, and at most four may wait for one there.

    A hundred questions at once would keep the trader's own bots out, so ours stand in line here.
    """

    def __init__(self, client: VerbClient) -> None:
        self._client = client
        self._turns = Turns()

    async def ask(self, request: VenueRead | CleanUp) -> Any:
        """Return the answer, of type `request.RESULT`.

        Raises
        ------
        RefusedByPeer
            The signer says no.
        PeerUnavailable
            It is away, or the trader stayed busy: nothing was signed.
        """
        async with self._turns.of(request.trader_id):
            for pause in _BUSY_PAUSES_SECONDS:
                try:
                    return await self._client.call(request)
                except RefusedByPeer as refused:
                    if refused.code != TraderBusy.code:
                        raise
                await asyncio.sleep(pause)
            raise PeerUnavailable

    def close(self) -> None:
        self._client.close()
