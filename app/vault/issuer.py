"""The issuer key: RS256 by `issuer-v1` in the HSM, for security event tokens (RFC 8417), ID tokens
and statements that an approval was given, and nothing else.

The HSM's worker computes the few headers it signs under from the key itself, so it needs no more
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


SET_TYP: Final = "secevent+jwt"
"""Fixed by RFC 8417 section 2.3."""

REDEMPTION_TYP: Final = "tripcord-redemption+jwt"
ID_TOKEN_TYP: Final = "JWT"  # noqa: S105 - a JOSE type
"""OpenID Connect Core 1.0 names none; this is what every client library takes."""

TYPS: Final = (SET_TYP, REDEMPTION_TYP, ID_TOKEN_TYP)


def header_part(modulus: bytes, typ: str = SET_TYP) -> str:
    """First part of every signing input."""
    header = f'{{"alg":"RS256","kid":"{issuer_kid(modulus)}","typ":"{typ}"}}'
    return b64url(header.encode())


class IssuerKey:
    """Signs what `telling` has put together; its public half is published."""

    def __init__(self, workers: "HsmWorkers", modulus: bytes) -> None:
        self._hot = workers.hot
        self._headers = {typ: header_part(modulus, typ) for typ in TYPS}
        self.public_jwk = issuer_jwk(modulus)
        self.kid = issuer_kid(modulus)

    async def sign_set(self, payload: bytes, *, deadline_seconds: float = DEADLINE_SECONDS) -> str:
        """Compact JWS over the claims of one security event token.

        RS256 is deterministic: the same claims are the same token, however often they are signed.
        """
        return await self._sign(SET_TYP, payload, deadline_seconds)

    async def sign_redemption(
        self, payload: bytes, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> str:
        """Compact JWS over the claims of one redeemed approval."""
        return await self._sign(REDEMPTION_TYP, payload, deadline_seconds)

    async def sign_id_token(
        self, payload: bytes, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> str:
        """Compact JWS over the claims of one ID token (OpenID Connect Core 1.0 section 2)."""
        return await self._sign(ID_TOKEN_TYP, payload, deadline_seconds)

    async def _sign(self, typ: str, payload: bytes, deadline_seconds: float) -> str:
        signing_input = f"{self._headers[typ]}.{b64url(payload)}"
        signature = await self._hot.call(
            wire.Rs256(signing_input=signing_input.encode()),
            _SIGNATURE,
            deadline_seconds=deadline_seconds,
        )
        return f"{signing_input}.{b64url(signature)}"
