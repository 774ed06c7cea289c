"""The connections themselves, for what no HTTP answer can show: a cut line."""

import asyncio
import socket
import struct
from collections.abc import Collection
from typing import Any, Protocol

RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST instead of FIN

Peer = tuple[str, int | None]


class HttpConnection(Protocol):
    """What is used of uvicorn's protocol objects."""

    client: Peer | None
    server: Peer | None
    transport: asyncio.Transport


class Line:
    """The open HTTP connections of one mock.

    Attributes
    ----------
    closing
        The mock is going down: whoever waits is let go.
    """

    def __init__(self) -> None:
        self._connections: Collection[Any] = ()
        self.closing = False

    def attach(self, connections: Collection[Any]) -> None:
        """Watch a server's set of connections."""
        self._connections = connections

    def cut(self, client: Peer | None, server: Peer | None) -> None:
        """Reset the connection between these two; nothing more is sent on it."""
        for connection in list(self._connections):
            if (connection.client, connection.server) == (client, server):
                reset(connection.transport)


def reset(transport: asyncio.BaseTransport) -> None:
    """Close a TCP connection so that the other end sees "connection reset by peer"."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
    if isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "abort"):
        transport.abort()
