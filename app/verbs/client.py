"""Call another process's verbs over its Unix socket: many at once on one connection."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import msgspec

from app.verbs.envelopes import Reply
from app.verbs.errors import PeerUnavailable, RefusedByPeer
from app.verbs.frames import Framed
from app.verbs.wire import Verb

_ENCODE = msgspec.msgpack.Encoder()
_REPLY = msgspec.msgpack.Decoder(Reply)

CALL_SECONDS = 5.0
"""Longest wait for an answer; the signer's own deadlines are shorter."""


class VerbClient:
    """Connects when first used, and again after the peer came back."""

    def __init__(self, path: Path, *, call_seconds: float = CALL_SECONDS) -> None:
        self._path = path
        self._call_seconds = call_seconds
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._connection: Framed | None = None
        self._connecting = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def connect(self) -> Framed:
        """The open connection, made now where there is none.

        Raises
        ------
        PeerUnavailable
            Nobody listens.
        """
        async with self._connecting:
            if self._connection is not None:
                return self._connection
            connection = Framed()
            connection.on_frame = self._receive
            connection.on_lost = lambda: self._lose(connection)
            loop = asyncio.get_running_loop()
            try:
                await loop.create_unix_connection(lambda: connection, str(self._path))
            except OSError:
                raise PeerUnavailable from None
            if connection.transport is None:
                raise PeerUnavailable
            self._connection = connection
            return connection

    async def call(self, request: Verb) -> Any:
        """Ask and wait for the answer, of type `request.RESULT`.

        Raises
        ------
        RefusedByPeer
            The peer's refusal.
        PeerUnavailable
            No connection, a lost one, or no answer in time: what happened is not known.
        """
        connection = self._connection or await self.connect()
        call_id = next(self._ids)
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._waiting[call_id] = reply
        timer = loop.call_later(self._call_seconds, _expire, reply)
        try:
            connection.send(_ENCODE.encode({"id": call_id, "request": request}))
            answer = await reply
        finally:
            timer.cancel()
            self._waiting.pop(call_id, None)
        if answer.refusal is not None:
            raise RefusedByPeer(answer.refusal)
        return msgspec.msgpack.decode(answer.result, type=request.RESULT)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.abort()

    def _receive(self, frame: bytes) -> None:
        reply = _REPLY.decode(frame)
        waiting = self._waiting.get(reply.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def _lose(self, connection: Framed) -> None:
        if self._connection is connection:
            self._connection = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(PeerUnavailable())


def _expire(reply: asyncio.Future[Reply]) -> None:
    if not reply.done():
        reply.set_exception(PeerUnavailable())
