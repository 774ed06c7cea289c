"""The issuer key: RS256 by `issuer-v1` in the HSM, for security event tokens (RFC 8417) alone.

The HSM's worker computes the one header it signs under from the key itself, so it needs no more
than this file to refuse everything else.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from app.core.canonical import sha256
from app.core.encoding import b64url
from app.vault import wire
from app.vault.models import DEADLINE_SECONDS

if TYPE_CHECKING:
    from app.vault.client import HsmWorkers

_EXPONENT: Final = b64url((65537).to_bytes(3, "big"))
_SIGNATURE = msgspec.msgpack.Decoder(bytes)


def issuer_jwk(modulus: bytes) -> dict[str, str]:
    """Public JWK (RFC 7518 section 6.3.1); `modulus` is big-endian."""
    return {"e": _EXPONENT, "kty": "RSA", "n": b64url(modulus.lstrip(b"\0"))}


def issuer_kid(modulus: bytes) -> str:
    """RFC 7638 thumbprint: these three members, in this order, without a space."""
    jwk = issuer_jwk(modulus)
    return b64url(sha256(f'{{"e":"{jwk["e"]}","kty":"RSA","n":"{jwk["n"]}"}}'.encode()))


def header_part(modulus: bytes) -> str:
    """First part of every signing input: `typ` is fixed by RFC 8417 section 2.3."""
    header = f'{{"alg":"RS256","kid":"{issuer_kid(modulus)}","typ":"secevent+jwt"}}'
    return b64url(header.encode())


class IssuerKey:
    """Signs what `telling` has put together; its public half is published."""

    def __init__(self, workers: "HsmWorkers", modulus: bytes) -> None:
        self._hot = workers.hot
        self._header = header_part(modulus)
        self.public_jwk = issuer_jwk(modulus)
        self.kid = issuer_kid(modulus)

    async def sign_set(self, payload: bytes, *, deadline_seconds: float = DEADLINE_SECONDS) -> str:
        """Compact JWS over the claims of one security event token.

        RS256 is deterministic: the same claims are the same token, however often they are signed.
        """
        signing_input = f"{self._header}.{b64url(payload)}"
        signature = await self._hot.call(
            wire.Rs256(signing_input=signing_input.encode()),
            _SIGNATURE,
            deadline_seconds=deadline_seconds,
        )
        return f"{signing_input}.{b64url(signature)}"
