"""A platform and what it presents."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.core.jose import jwk_thumbprint, public_jwk

MAX_KEYS = 8
KEY_ALGORITHMS = ("ES256", "EdDSA", "RS256")
ACCESS_TOKEN_LIFE = timedelta(minutes=10)
LONGEST_ASSERTION_LIFE = timedelta(minutes=5)


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """`jwks` is a JWK Set (RFC 7517) of public keys."""

    platform_id: UUID
    name: str
    jwks: dict[str, Any]
    created_at: datetime
    disabled_at: datetime | None
    retired_key_ids: list[str] = []
    ciba_delivery: Literal["poll", "ping"] | None = None
    """How it hears of decisions it asked for by CIBA; None may not ask so."""

    ciba_endpoint: str | None = None
    """Where it is pinged; an operator registered it."""


class Authenticated(msgspec.Struct, frozen=True, kw_only=True):
    """A platform that proved itself, with the key it did so by, as it is registered."""

    platform_id: UUID
    jwk: dict[str, Any]
    key_id: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A right assertion. Worth nothing until it is spent."""

    platform: Authenticated
    identifier: bytes
    expires_at: datetime


def key_id(jwk: dict[str, Any]) -> str:
    """What names a registered key for good: its `kid`, or else its thumbprint (RFC 7638)."""
    name = jwk.get("kid")
    return name if isinstance(name, str) else jwk_thumbprint(public_jwk(jwk, *KEY_ALGORITHMS))


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """Claims of a client assertion (RFC 7523 section 3)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    jti: str
    iat: int | None = None
    nbf: int | None = None


class ClientToken(msgspec.Struct, frozen=True, kw_only=True):
    """`jkt` is the key it is bound to; None is a bearer's."""

    platform_id: UUID
    token_id: UUID
    expires_at: datetime
    jkt: str | None
