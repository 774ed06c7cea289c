"""One pass through ccxt with a sentinel where the signature goes.

ccxt's `sign` is synchronous and our HSM is an await away, so ccxt signs with random bytes that we
recognise, and the real signature takes their place afterwards. ccxt never holds a secret, never
opens a connection, never asks the clock, and gets to make one request.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, NoReturn

from app.exchanges.errors import RequestRefused
from app.exchanges.models import Algorithm, Headers, Method, SignedRequest, Unsigned

_HANDLE = "tripcord:handle"
"""Stands for the secret inside ccxt: no PEM, no trailing "=", not 88 characters, so that no venue
takes it for another type of key."""

_MARKED = b"\xfb\xff\xbf"
"""First bytes of a sentinel. They are "+/+/" in base64, which makes all `_SPELLINGS` of one
sentinel differ from each other, so that a match says how to spell the signature."""


def _in_query(text: str) -> str:
    """Percent-encoding of base64; `urllib.parse.quote` takes longer than all the rest here."""
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


_SPELLINGS: tuple[Callable[[bytes], str], ...] = (
    bytes.hex,
    lambda raw: base64.b64encode(raw).decode(),
    lambda raw: _in_query(base64.b64encode(raw).decode()),
    lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode(),
)
_ALGORITHMS: dict[str, Algorithm] = {
    "sha256": "hmac-sha256",
    "sha384": "hmac-sha384",
    "sha512": "hmac-sha512",
}
_METHODS: dict[str, Method] = {"GET": "GET", "POST": "POST", "DELETE": "DELETE"}
_MAX_MARKETS = 512

Markets = tuple[str, dict[str, Any], dict[str, Any]]
"""ccxt's symbol, `markets` and `markets_by_id` of one snapshot."""


class Tape:
    """What one pass left behind."""

    __slots__ = ("algorithm", "message", "now_ms", "request", "sentinel")

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.message = b""
        self.algorithm: Algorithm | None = None
        self.sentinel = b""
        self.request: tuple[str, str, dict[str, str], str] | None = None


class _RequestSeen(BaseException):
    """Leaves ccxt after its first request. Not an Exception: ccxt may retry after those."""


class _Recording:
    """Goes in front of a ccxt exchange, so that all it can do is leave one request on a tape."""

    _tape: Tape | None = None

    def milliseconds(self) -> int:
        return self._running().now_ms

    def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> NoReturn:
        self._running().request = (url, method, headers or {}, body or "")
        raise _RequestSeen

    def hmac(
        self,
        request: bytes,
        secret: bytes,
        algorithm: Callable[[], Any] = hashlib.sha256,
        digest: str = "hex",
    ) -> Any:
        tape, kind = self._running(), algorithm()
        if secret != _HANDLE.encode():
            raise RequestRefused(rule="raw_secret")
        if tape.algorithm is not None:
            raise RequestRefused(rule="second_signature")
        if kind.name not in _ALGORITHMS:
            raise RequestRefused(rule="algorithm")
        tape.message, tape.algorithm = request, _ALGORITHMS[kind.name]
        tape.sentinel = _MARKED + secrets.token_bytes(kind.digest_size - len(_MARKED))
        if digest == "hex":
            return tape.sentinel.hex()
        return base64.b64encode(tape.sentinel).decode() if digest == "base64" else tape.sentinel

    def base64_to_binary(self, s: str) -> Any:
        # Kraken and others decode the secret before they sign: let the handle through.
        return s.encode() if s == _HANDLE else base64.b64decode(s)

    def generate_client_order_id(self, *_: Any, **__: Any) -> NoReturn:
        # ccxt would put its broker tag in here; the id is always ours.
        raise RequestRefused(rule="client_order_id")

    def set_last_request(self, request: object) -> None:
        """Keep nothing: ccxt would remember URL, headers and body on the instance."""

    def rsa(self, *_: Any, **__: Any) -> NoReturn:
        raise RequestRefused(rule="algorithm")

    ecdsa = eddsa = jwt = totp = rsa

    def _running(self) -> Tape:
        if self._tape is None:
            raise RequestRefused(rule="outside_capture")
        return self._tape


class Recorder:
    """One ccxt instance of one venue, reused for all its markets and keys.

    Not for threads: nothing in here awaits, so on one event loop no two passes overlap. A second
    pass inside the first is refused.
    """

    def __init__(
        self, base: type[Any], *, venue: str, origin: str, options: dict[str, Any]
    ) -> None:
        self._venue = venue
        self._origin = origin
        config = {
            "apiKey": "",
            "secret": _HANDLE,
            "enableRateLimit": False,
            "verbose": False,
            "options": options,
        }
        kind: Any = type(f"Recording{base.__name__.title()}", (_Recording, base), {})
        self._exchange = kind(config)
        self._exchange.session = None  # there is nothing to connect with
        self._markets: dict[tuple[str, bytes], Markets] = {}

    def record(
        self,
        call: Callable[[Any, str | None], object],
        *,
        api_key_id: str,
        now_ms: int,
        snapshot: tuple[str, bytes] | None,
    ) -> Unsigned:
        """Run `call(exchange, symbol)` and return the one request it made.

        `snapshot` is market id and raw entry of the only market ccxt gets to know.
        """
        exchange, tape = self._exchange, Tape(now_ms)
        if exchange._tape is not None:  # noqa: SLF001 - our own subclass
            raise RequestRefused(rule="re_entered")
        symbol, by_symbol, by_id = self._market(snapshot) if snapshot else (None, {}, {})
        exchange.markets, exchange.markets_by_id = by_symbol, by_id
        exchange.apiKey, exchange._tape = api_key_id, tape  # noqa: SLF001
        try:
            call(exchange, symbol)
        except _RequestSeen:
            return self._unsigned(tape)
        except RequestRefused:
            raise
        except Exception:  # noqa: BLE001 - whatever ccxt dislikes, we do not sign
            raise RequestRefused(rule="ccxt") from None
        finally:
            exchange.apiKey, exchange._tape = "", None  # noqa: SLF001
        raise RequestRefused(rule="no_request")

    def _unsigned(self, tape: Tape) -> Unsigned:
        if tape.request is None or tape.algorithm is None:
            raise RequestRefused(rule="no_signature")
        url, method, headers, body = tape.request
        if method not in _METHODS or not url.startswith(self._origin + "/"):
            raise RequestRefused(rule="origin")
        return Unsigned(
            venue=self._venue,
            method=_METHODS[method],
            path_and_query=url.removeprefix(self._origin),
            headers=tuple(headers.items()),
            body=body.encode(),
            message=tape.message,
            algorithm=tape.algorithm,
            sentinel=tape.sentinel,
        )

    def _market(self, snapshot: tuple[str, bytes]) -> Markets:
        known = self._markets.get(snapshot)
        if known is None:
            known = self._parse(*snapshot)
            if len(self._markets) >= _MAX_MARKETS:
                self._markets.pop(next(iter(self._markets)))  # the oldest
            self._markets[snapshot] = known
        return known

    def _parse(self, market: str, raw: bytes) -> Markets:
        exchange = self._exchange
        try:
            entry = exchange.parse_market(json.loads(raw))
            exchange.currencies = {}
            exchange.set_markets([entry])
            symbol: str = exchange.markets_by_id[market][0]["symbol"]
        except Exception:  # noqa: BLE001 - a snapshot ccxt cannot read is no snapshot
            raise RequestRefused(rule="snapshot") from None
        return symbol, exchange.markets, exchange.markets_by_id


def attach(request: Unsigned, signature: bytes) -> SignedRequest:
    """Put the HSM's signature where the sentinel is, spelled as the sentinel is.

    Raises
    ------
    RequestRefused
        The signature has another length, or the sentinel is not there exactly once.
    """
    if len(signature) != len(request.sentinel):
        raise RequestRefused(rule="signature_length")
    path, headers, body, found = request.path_and_query, request.headers, request.body.decode(), 0
    for spell in _SPELLINGS:
        old = spell(request.sentinel)
        here = path.count(old) + body.count(old) + sum(value.count(old) for _, value in headers)
        if here:
            new = spell(signature)
            found += here
            path, body = path.replace(old, new), body.replace(old, new)
            headers = _replace(headers, old, new)
    if found != 1:
        raise RequestRefused(rule="sentinel_count")
    return SignedRequest(
        method=request.method, path_and_query=path, headers=headers, body=body.encode()
    )


def _replace(headers: Headers, old: str, new: str) -> Headers:
    return tuple((name, value.replace(old, new)) for name, value in headers)
