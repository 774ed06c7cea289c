"""Serve a closed list of verbs on a Unix socket, to one uid."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from app.core.errors import DomainError
from app.verbs.envelopes import Call, Refusal, Reply
from app.verbs.frames import Framed
from app.verbs.wire import Verb

Handler = Callable[[Any], Awaitable[Any]]

_LOG = logging.getLogger(__name__)
_ENCODE = msgspec.msgpack.Encoder()
_CALL = msgspec.msgpack.Decoder(Call)


class VerbServer:
    """One socket, one union of verbs, one handler per verb; complete by construction.

    `allowed_uids` are the peers the kernel must vouch for (SO_PEERCRED).
    """

    def __init__(
        self, path: Path, verbs: Any, handlers: dict[type[Verb], Handler], *,
        allowed_uids: Collection[int],
    ) -> None:  # fmt: skip
        members = set(getattr(verbs, "__args__", (verbs,)))
        if members != set(handlers):
            raise ValueError("handlers do not match the closed list of verbs")
        self._path = path
        self._decode = msgspec.msgpack.Decoder(verbs)
        self._handlers = handlers
        self._allowed_uids = frozenset(allowed_uids)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[Framed] = set()

    async def start(self) -> None:
        """Listen. The socket's folder decides who can reach it, the peer's uid who is heard."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._accept, str(self._path))
        self._path.chmod(0o660)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> Framed:
        connection = _Accepted(self._allowed_uids)
        connection.on_frame = lambda frame: self._begin(connection, frame)
        connection.on_lost = lambda: self._open.discard(connection)
        self._open.add(connection)
        return connection

    def _begin(self, connection: Framed, frame: bytes) -> None:
        try:
            call = _CALL.decode(frame)
            request = self._decode.decode(call.request)
        except msgspec.DecodeError:
            connection.abort()
            return
        task = asyncio.create_task(self._answer(connection, call.id, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, connection: Framed, call_id: int, request: Verb) -> None:
        try:
            result = await self._handlers[type(request)](request)
            reply = Reply(call_id, result=msgspec.Raw(_ENCODE.encode(result)))
        except DomainError as error:
            refusal = Refusal(
                error.code,
                error.sentence,
                error.rule,
                error.node,
                error.retry_after_seconds,
                error.logged,
            )
            reply = Reply(call_id, refusal=refusal)
        except Exception:  # noqa: BLE001 - the last resort, logged with its trace
            # A fault is not explained to the peer: the log has it, the caller gets "unavailable".
            _LOG.exception("verb failed: %s", type(request).__name__)
            refusal = Refusal(
                "unavailable", "Something failed, so nothing was done.", None, None, 0
            )
            reply = Reply(call_id, refusal=refusal)
        connection.send(_ENCODE.encode(reply))


class _Accepted(Framed):
    """A connection of a peer the kernel names; another uid is cut off before its first byte."""

    def __init__(self, allowed_uids: frozenset[int]) -> None:
        super().__init__()
        self._allowed_uids = allowed_uids

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if peer_uid(transport.get_extra_info("socket")) not in self._allowed_uids:
            self.abort()


def peer_uid(peer: socket.socket) -> int:
    """The uid at the other end of a Unix socket, from the kernel."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def own_uid() -> int:
    return os.getuid()
