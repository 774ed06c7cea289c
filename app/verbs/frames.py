"""Length-prefixed frames on an asyncio transport: 4 bytes big-endian, then the body."""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

from app.verbs.wire import MAX_FRAME_BYTES

_HEAD = struct.Struct(">I")


class Framed(asyncio.Protocol):
    """Splits the stream into frames and hands each to `on_frame`; too long a frame ends it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.transport: asyncio.Transport | None = None
        self.on_frame: Callable[[bytes], None] = lambda _: None
        self.on_lost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                self.abort()
                return
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            self.on_frame(frame)

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        self.on_lost()

    def send(self, frame: bytes) -> None:
        if self.transport is not None:
            self.transport.write(_HEAD.pack(len(frame)) + frame)

    def abort(self) -> None:
        self._buffer.clear()  # what came behind the frame that ended it is not heard
        if self.transport is not None:
            self.transport.abort()
