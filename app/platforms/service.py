"""Authenticate a platform: an assertion once, then a short-lived access token."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.accesslog import store as log
from app.accesslog.models import LOCKED_CHAIN, SYSTEM_TRADER, Entry, Event
from app.core import token
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.jose import Jwk, jwk_thumbprint, public_jwk, split, verify_jws
from app.core.origin import Origin
from app.db.pool import Database
from app.platforms import store
from app.platforms.errors import ClientRejected
from app.platforms.models import (
    ACCESS_TOKEN_LIFE,
    KEY_ALGORITHMS,
    LONGEST_ASSERTION_LIFE,
    Assertion,
    Authenticated,
    ClientToken,
    Platform,
    Verified,
    key_id,
)

_SKEW = timedelta(seconds=30)
_MAX_JTI_CHARS = 128
_TYPES = ("JWT", "client-authentication+jwt")
"""What an assertion may call itself (RFC 8725 section 3.11); the second is of RFC 7523's revision.
Nothing else that a platform's key may sign is taken for one."""

HINT_TYP = "login-hint+jwt"
"""Ours: CIBA leaves the form of a login_hint_token to the provider. No assertion passes as one."""


class PlatformService:
    """`audiences` are the strings an assertion may name: our issuer and token endpoint."""

    def __init__(self, db: Database, clock: Clock, *, audiences: frozenset[str]) -> None:
        self._db = db
        self._clock = clock
        self._audiences = audiences

    async def authenticate(self, assertion: str, *, client_id: str | None = None) -> Authenticated:
        """Verify a client assertion and spend it, at once. Raises ClientRejected as both do."""
        return await self.spend(await self.verify(assertion, client_id=client_id))

    async def verify(self, assertion: str, *, client_id: str | None = None) -> Verified:
        """A client assertion that is right and not spent. A `client_id` beside it must be its own.

        Raises
        ------
        ClientRejected
            Any deviation from RFC 7523 section 3.
        """
        try:
            header, payload, _, _ = split(assertion)
            claims = msgspec.json.decode(payload, type=Assertion)
            platform_id = UUID(claims.sub)
            if client_id not in {None, claims.sub}:  # RFC 7521 section 4.2
                raise ClientRejected
        except (DomainError, msgspec.DecodeError, ValueError):
            raise ClientRejected from None
        async with self._db.session() as tx:
            platform = await store.get(tx, platform_id)
        if platform is None or platform.disabled_at is not None:
            raise ClientRejected
        if header.get("typ") not in _TYPES:
            raise ClientRejected
        try:
            jwk, key, kid = _key_of(platform, header)
            verify_jws(
                assertion,
                expected_key=key,
                expected_kid=kid,
                expected_typ=header["typ"],
                allowed_header=frozenset({"alg", "typ", "kid"}),
            )
        except DomainError:
            raise ClientRejected from None
        return Verified(
            platform=Authenticated(platform_id=platform_id, jwk=jwk, key_id=key_id(jwk)),
            identifier=sha256(claims.jti.encode()),
            expires_at=self._check_claims(claims),
        )

    async def spend(self, verified: Verified) -> Authenticated:
        """The platform behind an assertion, or ClientRejected where it was used before."""
        async with self._db.transaction() as tx:
            fresh = await tx.fetchval(
                "SELECT spend_proof($1, $2, $3)",
                f"client:{verified.platform.platform_id}",
                verified.identifier,
                verified.expires_at + _SKEW,
            )
        if not fresh:
            raise ClientRejected
        return verified.platform

    async def issue_access_token(
        self, client: Authenticated, *, jkt: str | None = None
    ) -> token.Token:
        """A token of ten minutes; only its hash is kept, and it ends with the key behind it.

        With `jkt` it is bound to that key, and worth nothing without proof of it.

        Raises
        ------
        ClientRejected
            The key or the platform was put out of use meanwhile.
        """
        access = token.mint(token.TokenKind.CLIENT, client.platform_id, new_id())
        expires_at = self._clock.now() + ACCESS_TOKEN_LIFE
        async with self._db.transaction() as tx:
            kept = await store.add_token(
                tx, access, expires_at, jwk=client.jwk, key_id=client.key_id, jkt=jkt
            )
        if not kept:
            raise ClientRejected
        return access

    async def end_access_token(self, presented: token.Token, origin: Origin) -> bool:
        """Forget a platform's own access token and log it, in one commit; False if unknown."""
        async with self._db.transaction() as tx:
            if not await store.end_token(tx, presented):
                return False
            await log.append(
                tx,
                LOCKED_CHAIN,
                Entry(
                    trader_id=SYSTEM_TRADER,
                    event=Event.CLIENT_TOKEN_ENDED,
                    origin=origin,
                    subject_id=presented.token_id,
                ),
            )
        return True

    async def find_access_token(
        self, presented: token.Token, *, jkt: str | None = None
    ) -> ClientToken:
        """The client behind an access token presented with this key, or raise ClientRejected."""
        async with self._db.session() as tx:
            found = await store.find_token(
                tx,
                presented.trader_id,
                presented.token_id,
                presented.secret_hash(),
                self._clock.now(),
            )
        if found is None or found.jkt != jkt:
            raise ClientRejected
        return found

    def verify_hint(self, platform: Platform, hint: str) -> dict[str, Any]:
        """Claims of a JWT that the platform signed with a registered key (CIBA's login_hint_token).

        Raises
        ------
        ClientRejected
            Not its signature, not issued by it, or no claims.
        """
        try:
            header, payload, _, _ = split(hint)
            _, key, kid = _key_of(platform, header)
            verify_jws(hint, expected_key=key, expected_kid=kid, expected_typ=HINT_TYP)
            claims = msgspec.json.decode(payload, type=dict[str, Any])
        except (DomainError, msgspec.DecodeError):
            raise ClientRejected from None
        if claims.get("iss") != str(platform.platform_id):
            raise ClientRejected
        return claims

    def _check_claims(self, claims: Assertion) -> datetime:
        now = self._clock.now()
        audiences = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
        # Numbers before they become times: most integers are no date.
        longest = (now + LONGEST_ASSERTION_LIFE + _SKEW).timestamp()
        early = max(claims.iat or 0, claims.nbf or 0) > (now + _SKEW).timestamp()
        if (
            claims.iss != claims.sub
            or not audiences & self._audiences
            or not now.timestamp() < claims.exp <= longest
            or early
            or not 0 < len(claims.jti) <= _MAX_JTI_CHARS
        ):
            raise ClientRejected
        return datetime.fromtimestamp(claims.exp, tz=UTC)


def _key_of(platform: Platform, header: dict[str, Any]) -> tuple[dict[str, Any], Jwk, str]:
    """The registered key that `kid` names, by its own name or its thumbprint, or the only one.

    As it is registered, reduced to its public members, and by the name the assertion used.
    """
    keys = platform.jwks.get("keys", [])
    for jwk in keys:
        reduced = public_jwk(jwk, *KEY_ALGORITHMS)
        jkt = jwk_thumbprint(reduced)
        named = header.get("kid")
        if named in (jwk.get("kid"), jkt) or len(keys) == 1:
            kid = named if isinstance(named, str) and named == jwk.get("kid") else jkt
            return jwk, reduced, kid
    raise ClientRejected
