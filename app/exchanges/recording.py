"""What goes in front of a ccxt exchange: no secret, clock or wire, one signature, one request."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, NoReturn

from app.exchanges.errors import RequestRefused
from app.exchanges.models import Algorithm
from app.exchanges.spelling import SPELLINGS

HANDLE = "tripcord:handle"
"""Stands for the secret inside ccxt: no PEM, no trailing "=", not 88 characters, so that no venue
takes it for another type of key."""

_MARKED = b"\xfb\xff\xbf"
"""First bytes of a sentinel. They are "+/+/" in base64, which makes all spellings of one sentinel
differ from each other, so that a match says how to spell the signature (`attaching`)."""
_P256_BYTES = 64  # r || s
_ALGORITHMS: dict[str, Algorithm] = {
    "sha256": "hmac-sha256",
    "sha384": "hmac-sha384",
    "sha512": "hmac-sha512",
}


class Tape:
    """What one pass left behind."""

    __slots__ = ("algorithm", "clear", "message", "now_ms", "request", "sentinel")

    def __init__(self, now_ms: int, clear: str = "") -> None:
        self.now_ms = now_ms
        self.clear = clear
        self.message = b""
        self.algorithm: Algorithm | None = None
        self.sentinel = b""
        self.request: tuple[str, str, dict[str, str], str] | None = None


class RequestSeen(BaseException):
    """Leaves ccxt after its first request. Not an Exception: ccxt may retry after those."""


class Recording:
    """Goes in front of a ccxt exchange, so that all it can do is leave one request on a tape."""

    _tape: Tape | None = None

    def milliseconds(self) -> int:
        return self._running().now_ms

    def seconds(self) -> int:
        return self._running().now_ms // 1000

    def incrementing_nonce(self) -> int:
        # ccxt counts per instance; ours serves every key, and the clock of the signer is the nonce.
        return self._running().now_ms

    def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> NoReturn:
        self._running().request = (url, method, headers or {}, body or "")
        raise RequestSeen

    def hmac(
        self,
        request: bytes,
        secret: bytes,
        algorithm: Callable[[], Any] = hashlib.sha256,
        digest: str = "hex",
    ) -> Any:
        kind = algorithm()
        if kind.name not in _ALGORITHMS:
            raise RequestRefused(rule="algorithm")
        tape = self._sign(request, secret, _ALGORITHMS[kind.name], kind.digest_size)
        if digest == "hex":
            return tape.sentinel.hex()
        return base64.b64encode(tape.sentinel).decode() if digest == "base64" else tape.sentinel

    def jwt(
        self,
        request: dict[str, Any],
        secret: bytes,
        algorithm: str = "sha256",
        is_rsa: bool = False,  # noqa: FBT001, FBT002 - ccxt's own signature
        opts: dict[str, Any] | None = None,
    ) -> str:
        """Build the token as ccxt's own `jwt` does, with a sentinel for a signature.

        ccxt's is a static method that calls its crypto by class name, so it has to be replaced.
        """
        options = opts or {}
        if (options.get("alg"), algorithm, is_rsa) != ("ES256", "sha256", False):
            raise RequestRefused(rule="algorithm")
        header = {"alg": "ES256", "typ": "JWT"}
        header |= {name: options[name] for name in ("kid", "nonce") if options.get(name)}
        token = ".".join(_segment(part) for part in (header, request))
        tape = self._sign(token.encode(), secret, "es256", _P256_BYTES)
        return f"{token}.{SPELLINGS['base64url'](tape.sentinel)}"

    def base64_to_binary(self, s: str) -> Any:
        # Kraken and others decode the secret before they sign: let the handle through.
        return s.encode() if s == HANDLE else base64.b64decode(s)

    def generate_client_order_id(self, *_: Any, **__: Any) -> NoReturn:
        # ccxt would put its broker tag in here; the id is always ours.
        raise RequestRefused(rule="client_order_id")

    def random_bytes(self, length: int) -> str:
        # ccxt's come from `random`, and are a digit short one time in sixteen.
        return secrets.token_hex(length)

    def set_last_request(self, request: object) -> None:
        """Keep nothing: ccxt would remember URL, headers and body on the instance."""

    def rsa(self, *_: Any, **__: Any) -> NoReturn:
        raise RequestRefused(rule="algorithm")

    ecdsa = eddsa = totp = rsa

    def _sign(self, message: bytes, secret: bytes, algorithm: Algorithm, length: int) -> Tape:
        tape = self._running()
        if secret != HANDLE.encode():
            raise RequestRefused(rule="raw_secret")
        if tape.algorithm is not None:
            raise RequestRefused(rule="second_signature")
        tape.message, tape.algorithm = message, algorithm
        tape.sentinel = _MARKED + secrets.token_bytes(length - len(_MARKED))
        return tape

    def _running(self) -> Tape:
        if self._tape is None:
            raise RequestRefused(rule="outside_capture")
        return self._tape


def _segment(part: dict[str, Any]) -> str:
    text = json.dumps(part, separators=(",", ":"), ensure_ascii=False)
    return SPELLINGS["base64url"](text.encode())
