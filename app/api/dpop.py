"""DPoP proofs (RFC 9449 section 4.3); their nonces are in `nonces`.

The body is not covered: what counts is signed itself.
"""

import hmac
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from app.api.errors import ProofRejected
from app.core.canonical import sha256
from app.core.encoding import b64url
from app.core.errors import DomainError
from app.core.jose import Jwk, jwk_thumbprint, public_jwk, split, verify_jws

TYP = "dpop+jwt"
LIFE = timedelta(seconds=60)
"""How old a proof may be; its identifier is kept until it could no longer be accepted."""

SKEW = timedelta(seconds=5)
"""How far ahead of ours a client's clock may be."""

_HEADER = frozenset({"alg", "typ", "jwk"})


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    jti: Annotated[str, msgspec.Meta(min_length=8, max_length=128)]
    htm: str
    htu: Annotated[str, msgspec.Meta(max_length=2048)]
    iat: int
    ath: str | None = None
    nonce: Annotated[str, msgspec.Meta(max_length=128)] | None = None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A well-signed proof for this request. Not yet spent: `identifier` must be, once."""

    jwk: Jwk
    jkt: str
    identifier: bytes
    expires_at: datetime
    issued_at: float
    nonce: str | None


_CLAIMS = msgspec.json.Decoder(Claims)


def verify_proof(
    header: str,
    *,
    expected_method: str,
    expected_url: str,
    access_token: str | None,
    now: datetime,
) -> Proof:
    """Check a proof against the request it came with.

    `expected_url` is the configured public origin and the raw path: never what a client or a
    proxy says the host is.

    Raises
    ------
    ProofRejected
        Any deviation, without saying which.
    """
    try:
        # (1) The header: type, a public key of a kind we take, nothing else.
        jose_header, _, _, _ = split(header)
        jwk = public_jwk(jose_header.get("jwk"), "ES256", "EdDSA")
        # (2) The signature by that key.
        payload = verify_jws(header, expected_key=jwk, expected_typ=TYP, allowed_header=_HEADER)
        claims = _CLAIMS.decode(payload)
    except (DomainError, msgspec.DecodeError):
        raise ProofRejected from None
    # (3) This method and this address.
    if claims.htm != expected_method or not _same_url(claims.htu, expected_url):
        raise ProofRejected
    # (4) Fresh.
    issued_at = claims.iat
    if not (now - LIFE).timestamp() <= issued_at <= (now + SKEW).timestamp():
        raise ProofRejected
    # (5) Made for this very token.
    expected_ath = None if access_token is None else b64url(sha256(access_token.encode()))
    if (claims.ath is None) != (expected_ath is None) or not hmac.compare_digest(
        (claims.ath or "").encode(), (expected_ath or "").encode()
    ):
        raise ProofRejected
    return Proof(
        jwk=jwk,
        jkt=jwk_thumbprint(jwk),
        identifier=sha256(claims.jti.encode()),
        expires_at=now + LIFE + SKEW,
        issued_at=issued_at,
        nonce=claims.nonce,
    )


def _same_url(presented: str, expected: str) -> bool:
    """Equal after dropping query and fragment, lower-casing scheme and host (RFC 9449 §4.3)."""
    if presented == expected:
        return True
    try:
        a, b = urlsplit(presented), urlsplit(expected)
        same_port = _port(a.scheme, a.port) == _port(b.scheme, b.port)
    except ValueError:
        return False
    return (
        same_port
        and a.username is None
        and (a.scheme, a.hostname, a.path) == (b.scheme, b.hostname, b.path)
    )


def _port(scheme: str, port: int | None) -> int | None:
    return port if port is not None else {"http": 80, "https": 443}.get(scheme)
