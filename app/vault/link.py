"""One worker child and the socket to it: start, call with deadlines, kill."""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import msgspec

from app.core.errors import DomainError, Malformed
from app.vault import wire
from app.vault.errors import (
    EnvelopeRefused,
    EvidenceForged,
    HsmUnavailable,
    ModuleRefused,
    PinRefused,
    ProofRefused,
    SealingKeyGone,
)

T = TypeVar("T")

MAX_IN_FLIGHT: Final = 256
"""Calls waiting for one worker. A signature takes a quarter of a millisecond, so that a full queue
is answered well within 150 ms: overload refuses the newcomer and kills nobody."""

_REFUSALS: Final[dict[str, type[DomainError]]] = {
    refusal.code: refusal
    for refusal in (
        EnvelopeRefused,
        EvidenceForged,
        HsmUnavailable,
        Malformed,
        ModuleRefused,
        PinRefused,
        ProofRefused,
        SealingKeyGone,
    )
}
_encode = msgspec.msgpack.Encoder().encode
_decode_reply = msgspec.msgpack.Decoder(wire.RawReply).decode
_RULE: Final = msgspec.msgpack.Decoder(str | None)
_Answer = asyncio.Future[wire.RawReply]


class Link(asyncio.Protocol):
    """A running worker. Calls are answered in the order they were made.

    `on_lost` is called once, when the child died, hung up, missed a deadline or spoke nonsense.
    After that every call raises HsmUnavailable; a link does not come back, its owner makes another.
    """

    def __init__(
        self, on_lost: Callable[["Link"], None], on_retiring: Callable[["Link"], None]
    ) -> None:
        self._on_lost = on_lost
        self._on_retiring = on_retiring
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._pending: deque[tuple[_Answer, asyncio.TimerHandle]] = deque()
        self._buffer = bytearray()
        self._lost = False

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the child. It waits for `Hello` as the first call."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, ExitStack() as unless_started:
            unless_started.callback(ours.close)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "app.vault.hsm.worker",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
            unless_started.pop_all()
        self._transport, _ = await self._loop.create_unix_connection(lambda: self, sock=ours)

    async def call(
        self, request: object, decoder: msgspec.msgpack.Decoder[T], *, deadline_seconds: float
    ) -> T:
        """Send, wait for the answer, decode it.

        Raises
        ------
        HsmUnavailable
            The link is lost or its queue is full, or this call's deadline passed, which kills the
            child and fails every other call in flight: what hangs once is not asked again.
        DomainError
            What the worker refused with.
        """
        if self._lost or self._transport is None or len(self._pending) >= MAX_IN_FLIGHT:
            raise HsmUnavailable
        payload = wire.frame(_encode(request))
        answer: _Answer = self._loop.create_future()
        timer = self._loop.call_later(deadline_seconds, self._give_up)
        self._pending.append((answer, timer))
        self._transport.write(payload)
        reply = await answer
        if reply.error is not None:
            _refuse(reply)
        return decoder.decode(reply.result)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        header = wire.HEADER_BYTES
        while len(self._buffer) >= header:
            end = header + int.from_bytes(self._buffer[:header], "big")
            if end > header + wire.MAX_FRAME_BYTES:
                self._give_up()
                return
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[header:end])
            del self._buffer[:end]
            self._answer(message)

    def _answer(self, message: bytes) -> None:
        try:
            reply = _decode_reply(message)
        except msgspec.DecodeError:
            self._give_up()
            return
        if not self._pending:
            self._give_up()
            return
        answer, timer = self._pending.popleft()
        timer.cancel()
        if not answer.done():  # the caller may have been cancelled meanwhile
            answer.set_result(reply)
        if reply.retiring:
            self._on_retiring(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        self._give_up()

    def _give_up(self) -> None:
        """Kill the child and fail every call in flight. Once."""
        if self._lost:
            return
        self._lost = True
        self._kill()
        if self._transport is not None:
            self._transport.abort()
        while self._pending:
            answer, timer = self._pending.popleft()
            timer.cancel()
            if not answer.done():
                answer.set_exception(HsmUnavailable())
        self._on_lost(self)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self, *, drain_seconds: float = 0.0) -> None:
        """Let calls in flight finish for a while, then end the child and wait for it."""
        if self._pending and drain_seconds:
            await asyncio.wait([answer for answer, _ in self._pending], timeout=drain_seconds)
        self._give_up()
        if self._process is not None:
            await self._process.wait()


def _refuse(reply: wire.RawReply) -> NoReturn:
    refusal = _REFUSALS.get(reply.error or "", HsmUnavailable)
    raise refusal(rule=_RULE.decode(reply.result))


def _environment() -> dict[str, str]:
    """The child inherits no setting of ours, and no service secret among them."""
    environment = {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return environment | {name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ}
