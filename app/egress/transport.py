"""HTTP to one venue: kept-open connections, checked addresses, deadlines, nothing twice."""

import logging
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import aiohttp
import msgspec
from aiohttp import ClientHandlerType

from app.egress.errors import AnswerLost, NotSent
from app.egress.routes import Route

MAX_ANSWER_BYTES = 1 << 20
MAX_CONNECTIONS = 64
"""Open connections to one venue; an order beyond waits, at most for the connect deadline."""

_IDLE_SECONDS = 30.0
_USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
_LOG = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """What a venue answered. `retry_after` in seconds where it said so; `used_weight` likewise."""

    status: int
    body: bytes
    retry_after: int | None = None
    used_weight: int | None = None

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


class Transport:
    """Sends requests to one route. Use inside a running event loop."""

    def __init__(self, route: Route, *, tls: ssl.SSLContext | None = None) -> None:
        self.route = route
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls or ssl.create_default_context(),
                limit=MAX_CONNECTIONS,
                keepalive_timeout=_IDLE_SECONDS,
                socket_factory=self._socket,
            ),
            timeout=aiohttp.ClientTimeout(
                total=route.answer_seconds,
                connect=route.connect_seconds,
                sock_connect=route.connect_seconds,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "tripcord", "Accept-Encoding": "identity"},
            skip_auto_headers=("Content-Type", "Accept"),
            auto_decompress=False,
            trust_env=False,
            middlewares=(_once,),
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(
        self, method: str, path_and_query: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Answer:
        """Send once and read the answer, whatever its status; a redirect is an answer too.

        Raises
        ------
        ReleaseRefused
            `path_and_query` does not stay on the pinned host.
        NotSent
            There was no connection: the venue has not seen this request.
        AnswerLost
            It may have.
        """
        url = self.route.url(path_and_query)
        try:
            async with self._session.request(
                method, url, headers=list(headers), data=body or None, allow_redirects=False
            ) as response:
                return Answer(
                    response.status,
                    await _read(response),
                    _number(response.headers.get("Retry-After")),
                    _number(response.headers.get(_USED_WEIGHT)),
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(_word(error)) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # Without its cause: some of these say the whole URL, and with it the signature.
            raise AnswerLost(_word(error)) from None

    def _socket(self, address: Any) -> socket.socket:
        # Called with the very address that will be connected to, so a name that resolves
        # differently the second time (DNS rebinding) gains nothing.
        family, kind, protocol, _, where = address
        if not self.route.may_connect(str(where[0])):
            _LOG.warning("address refused", extra={"venue": self.route.venue_id})
            raise PermissionError("address refused")
        made = socket.socket(family, kind, protocol)
        if family in (socket.AF_INET, socket.AF_INET6):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


async def _once(
    request: aiohttp.ClientRequest, handler: ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a GET, PUT or DELETE whose kept-open connection broke.

    Its second try would be right by HTTP's rules, but whether to ask again is decided here.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise AnswerLost(_word(error)) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerLost("too_long")
        parts.append(part)
    return b"".join(parts)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None


def _word(error: BaseException) -> str:
    """A word for a log: the kind of failure and never its text."""
    return type(error).__name__
