"""Server nonces of DPoP proofs (RFC 9449 section 8): stateless, the same on every node.

A nonce is an HMAC over a window of a minute; the current and the last window count. The secret is
a row of the database, made anew every day. A nonce proves when a proof was made, and nothing else:
that a proof counts once is `spent_proof`'s.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from app.core.encoding import b64url
from app.core.secret import Secret

WINDOW_SECONDS = 60
FRESH = timedelta(seconds=10)
"""Further from our clock than this, a proof without a nonce may have been made long ago, for later:
it is asked for one. Every client we ship answers that by itself."""

_DOMAIN = b"tripcord/dpop-nonce/v1\0"
_BYTES = 18
_SETTLE = timedelta(minutes=5)
"""A new secret makes no nonce before every node had the time to read it."""


class NonceSecret(msgspec.Struct, frozen=True):
    made_at: datetime
    secret: Secret


class Nonces:
    """`is_required`: every proof carries one, not only those whose age is in doubt."""

    def __init__(self, *, is_required: bool) -> None:
        self.is_required = is_required
        self._secrets: tuple[NonceSecret, ...] = ()

    def use(self, secrets: Sequence[NonceSecret]) -> None:
        """Count with these from now on: newest first, at least one."""
        self._secrets = tuple(secrets)

    def current(self, now: datetime) -> str:
        """The nonce to make proofs with now."""
        settled = [s for s in self._secrets if now - s.made_at > _SETTLE]
        return _nonce((settled or self._secrets[-1:])[0], _window(now))

    def accepts(self, nonce: str, now: datetime) -> bool:
        """Whether it is one of ours, from this window or the last."""
        given, window = nonce.encode(), _window(now)
        return any(
            hmac.compare_digest(given, _nonce(secret, counted).encode())
            for secret in self._secrets
            for counted in (window, window - 1)
        )


def _window(now: datetime) -> int:
    return int(now.timestamp()) // WINDOW_SECONDS


def _nonce(secret: NonceSecret, window: int) -> str:
    message = _DOMAIN + window.to_bytes(8, "big")
    return b64url(hmac.digest(secret.secret.reveal(), message, hashlib.sha256)[:_BYTES])
