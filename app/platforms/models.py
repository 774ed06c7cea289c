"""A platform and what it presents."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

ACCESS_TOKEN_LIFE = timedelta(minutes=10)
LONGEST_ASSERTION_LIFE = timedelta(minutes=5)


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """`jwks` is a JWK Set (RFC 7517) of public keys."""

    platform_id: UUID
    name: str
    jwks: dict[str, Any]
    created_at: datetime
    disabled_at: datetime | None


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
    platform_id: UUID
    token_id: UUID
    expires_at: datetime
