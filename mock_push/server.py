"""Listen, say where, and let go of waiting phones on the way down."""

import ipaddress
import socket
import sys

import uvicorn

from mock_push.api.application import make_application
from mock_push.world import World

KEEP_ALIVE_SECONDS = 75  # longer than a sender's pause between messages, so it finds no dead socket
GRACE_SECONDS = 2


class NotLoopbackError(Exception):
    """The address would let other machines send and read messages."""


class Server(uvicorn.Server):
    """uvicorn, with a line on standard output once it listens: ``mock_push on <url>``.

    Attributes
    ----------
    url
        Where it listens; empty until then.
    """

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world
        self.url = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        sys.stdout.write(f"mock_push on {self.url}\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._world.phones.close()  # else every long-poll holds the process for its 25 seconds
        await super().shutdown(sockets)


def make_server(world: World, *, host: str, port: int) -> Server:
    """A server that is not listening yet; port 0 takes any free one."""
    config = uvicorn.Config(
        make_application(world),
        host=host,
        port=port,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, world)


def check_loopback(host: str) -> None:
    """Refuse an address other machines can reach.

    Raises
    ------
    NotLoopbackError
        It is neither ``localhost`` nor a loopback address.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise NotLoopbackError(
            f"{host} is not a loopback address. The mock lets anyone who reaches it read every "
            "message; add --allow-non-loopback if that is what you want."
        )
