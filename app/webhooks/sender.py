"""One POST to a stranger's server: a checked address, no redirect, nothing believed or kept."""

import logging
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from app.webhooks.addresses import check_url, may_connect
from app.webhooks.errors import WebhookUrlRefused
from app.webhooks.models import Result, Verdict

TIMEOUT_SECONDS: Final = 15.0
"""Standard Webhooks asks for 15 to 30 s; the whole exchange has them, name look-up included."""
MAX_ANSWER_BYTES: Final = 4096
MAX_CONNECTIONS: Final = 64
_GONE: Final = 410
_OK: Final = range(200, 300)
_LOG = logging.getLogger(__name__)


class Sender:
    """Use inside a running event loop. `loopback` allows this machine: for tests, the sandbox."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._loopback = loopback
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls or ssl.create_default_context(),
                limit=MAX_CONNECTIONS,
                # A connection was allowed for one address at one time: none is kept for later.
                force_close=True,
                use_dns_cache=False,
                resolver=resolver,
                socket_factory=self._socket,
            ),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Send once. Never raises: what went wrong is a word in the verdict."""
        try:
            check_url(url, loopback=self._loopback)
            async with self._session.post(
                URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as response:
                await response.content.read(MAX_ANSWER_BYTES)
                return _verdict(response.status)
        except WebhookUrlRefused as refused:
            return Verdict(Result.FAILED, f"url_{refused.rule}")
        except Exception as error:  # noqa: BLE001 - a stranger's server must not end a loop of ours
            return Verdict(Result.FAILED, _word(error))

    def _socket(self, address: Any) -> socket.socket:
        # Called with the very address that will be connected to: see `addresses`.
        family, kind, protocol, _, where = address
        if not may_connect(str(where[0]), loopback=self._loopback):
            _LOG.warning("webhook address refused")
            raise PermissionError("address_refused")
        return socket.socket(family, kind, protocol)


def _verdict(status: int) -> Verdict:
    if status in _OK:
        return Verdict(Result.TAKEN, str(status))
    return Verdict(Result.GONE if status == _GONE else Result.FAILED, str(status))


def _word(error: BaseException) -> str:
    cause = getattr(error, "os_error", error)
    return "address_refused" if isinstance(cause, PermissionError) else type(error).__name__
