"""Listen, say where, and let go of waiting phones on the way down."""

import asyncio
import ipaddress
import socket
import sys

import msgspec
import uvicorn

from mock_push.api.application import make_application
from mock_push.smtp.server import MailServer
from mock_push.tls import Identity
from mock_push.world import World

KEEP_ALIVE_SECONDS = 75  # longer than a sender's pause between messages, so it finds no dead socket
GRACE_SECONDS = 2
PATIENCE_SECONDS = 0.5  # for the other end to close, too


class NotLoopbackError(Exception):
    """The address would let other machines send and read messages."""


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen. A port of 0 is any free one; None is not at all.

    Attributes
    ----------
    identity
        What to show where TLS is spoken; needed for `tls_port` and `smtp_port`.
    """

    host: str
    port: int
    tls_port: int | None = None
    smtp_port: int | None = None
    identity: Identity | None = None


class Server(uvicorn.Server):
    """uvicorn, with lines on standard output once everything listens.

    The first is ``mock_push on <url>``.

    Attributes
    ----------
    url
        Where it listens; empty until then.
    """

    def __init__(self, config: uvicorn.Config, world: World, listening: Listening) -> None:
        super().__init__(config)
        self._world = world
        self._listening = listening
        self._mail: MailServer | None = None
        self.url = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.started = False  # not before everything listens
        self._world.line.attach(self.server_state.connections)
        addresses = self._world.addresses
        self.url = addresses.http = _origin("http", self.servers[0])
        identity = self._listening.identity
        if identity is not None:
            addresses.authority_file = str(identity.authority_file)
            await self._listen_with_tls(identity)
        self.started = True
        self._say()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._world.close()  # else every long-poll holds the process for its 25 seconds
        if self._mail is not None:
            await self._mail.close()
        asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._abort_closing)
        await super().shutdown(sockets)

    def _abort_closing(self) -> None:
        """Do not wait for an idle client that never answers the end of TLS."""
        for connection in list(self.server_state.connections):
            if connection.transport.is_closing():
                connection.transport.abort()

    async def _listen_with_tls(self, identity: Identity) -> None:
        listening, addresses = self._listening, self._world.addresses
        if listening.tls_port is not None:
            tls = await asyncio.get_running_loop().create_server(
                self._http_protocol, listening.host, listening.tls_port, ssl=identity.context
            )
            self.servers.append(tls)  # uvicorn closes it with its own
            addresses.tls = _origin("https", tls)
        if listening.smtp_port is not None:
            self._mail = MailServer(self._world, identity.context)
            port = await self._mail.start(listening.host, listening.smtp_port)
            host = f"[{listening.host}]" if ":" in listening.host else listening.host
            addresses.smtp = f"{host}:{port}"

    def _http_protocol(self) -> asyncio.Protocol:
        """As uvicorn makes them for its own socket: the same application and connections."""
        make: type[asyncio.Protocol] = self.config.http_protocol_class
        return make(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _say(self) -> None:
        addresses = self._world.addresses
        lines = [f"mock_push on {self.url}"]
        if addresses.tls is not None:
            lines.append(f"TLS on {addresses.tls}")
        if addresses.smtp is not None:
            lines.append(f"SMTP on {addresses.smtp}")
        if addresses.authority_file is not None:
            lines.append(f"certificate authority in {addresses.authority_file}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def make_server(world: World, listening: Listening) -> Server:
    """A server that is not listening yet."""
    config = uvicorn.Config(
        make_application(world),
        host=listening.host,
        port=listening.port,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, world, listening)


def _origin(scheme: str, server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


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
