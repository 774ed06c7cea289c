"""Verify a service account's JWT-bearer assertion (RFC 7523; Google's rules on top)."""

from datetime import datetime

import jwt
import msgspec

from mock_push.oauth import refusals
from mock_push.oauth.accounts import Accounts, ServiceAccount

AUDIENCE = "https://oauth2.googleapis.com/token"
MAX_LIFETIME_SECONDS = 3600  # "short-lived token (60 minutes)"
MAX_CLOCK_AHEAD_SECONDS = 300  # how far in the future iat may lie; Google's value is not published
SCOPE_PREFIX = "https://www.googleapis.com/auth/"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Times are NumericDate seconds (RFC 7519 section 2)."""

    iss: str
    aud: str
    iat: float
    exp: float
    scope: str = ""
    sub: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """What a verified assertion asks for: the account, and the scopes granted."""

    account: ServiceAccount
    scopes: frozenset[str]


def verify_assertion(assertion: str, *, accounts: Accounts, now: datetime) -> Grant:
    """Verify a service account's assertion and say what it is good for.

    Raises
    ------
    OAuthError
        With Google's error code and wording; nothing was granted.
    """
    # (1) a compact JWS with a readable header and claims
    header, claims = _read(assertion)
    # (2) the key that ``kid`` names; a known account with another key is a bad signature
    account = accounts.by_key_id(str(header.get("kid", "")))
    if account is None and not accounts.has_email(claims.iss):
        raise refusals.unknown_account()
    if account is None:
        raise refusals.bad_signature()
    # (3) the signature, RS256 and nothing else, whatever ``alg`` says
    try:
        jwt.PyJWS(algorithms=["RS256"]).decode(
            assertion, account.verifying_key(), algorithms=["RS256"]
        )
    except jwt.PyJWTError as error:
        raise refusals.bad_signature() from error
    # (4) the issuer owns that key; acting for someone else needs delegation nobody has here
    if claims.iss != account.client_email:
        raise refusals.unknown_account()
    if claims.sub not in (None, claims.iss):
        raise refusals.not_delegated()
    # (5) meant for Google's token endpoint, whatever address it was sent to
    if claims.aud != AUDIENCE:
        raise refusals.bad_audience()
    # (6) at most an hour long, not over, not from the future
    _check_time(claims, now)
    # (7) scopes that look like Google's
    return Grant(account, _scopes(claims))


def _read(assertion: str) -> tuple[dict[str, object], Claims]:
    try:
        unverified = jwt.PyJWS().decode_complete(assertion, options={"verify_signature": False})
        return unverified["header"], msgspec.json.decode(unverified["payload"], type=Claims)
    except (jwt.PyJWTError, msgspec.DecodeError, UnicodeError) as error:
        raise refusals.malformed() from error


def _check_time(claims: Claims, now: datetime) -> None:
    lifetime = claims.exp - claims.iat
    in_time = claims.iat <= now.timestamp() + MAX_CLOCK_AHEAD_SECONDS
    if not (0 < lifetime <= MAX_LIFETIME_SECONDS and in_time and now.timestamp() < claims.exp):
        raise refusals.bad_time()


def _scopes(claims: Claims) -> frozenset[str]:
    scopes = frozenset(claims.scope.split())
    if not scopes or not all(scope.startswith(SCOPE_PREFIX) for scope in scopes):
        raise refusals.bad_scope()
    return scopes
