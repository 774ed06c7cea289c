"""Refusals at /oauth/*, in the words of RFC 6749 section 5.2 instead of RFC 9457's.

What OAuth has no word for (no service, too much, too large) stays a problem document.
"""

from typing import NamedTuple

import msgspec

PREFIX = "/oauth/"


class OAuthRefusal(NamedTuple):
    status: int
    error: str


ERRORS = {
    "malformed": OAuthRefusal(400, "invalid_request"),
    "grant_type_unsupported": OAuthRefusal(400, "unsupported_grant_type"),
    "token_type_unsupported": OAuthRefusal(400, "unsupported_token_type"),  # RFC 7009 section 2.2.1
    "client_rejected": OAuthRefusal(401, "invalid_client"),
    "token_missing": OAuthRefusal(401, "invalid_client"),
    "token_rejected": OAuthRefusal(401, "invalid_token"),  # RFC 6750 section 3.1
    # CIBA Core 1.0 section 13
    "ciba_unauthorized_client": OAuthRefusal(400, "unauthorized_client"),
    "ciba_invalid_scope": OAuthRefusal(400, "invalid_scope"),
    "ciba_unknown_user_id": OAuthRefusal(400, "unknown_user_id"),
    "ciba_expired_login_hint_token": OAuthRefusal(400, "expired_login_hint_token"),
    "ciba_invalid_binding_message": OAuthRefusal(400, "invalid_binding_message"),
    "ciba_missing_user_code": OAuthRefusal(400, "missing_user_code"),
    "ciba_invalid_user_code": OAuthRefusal(400, "invalid_user_code"),
    "ciba_request_denied": OAuthRefusal(403, "access_denied"),
    "invalid_authorization_details": OAuthRefusal(400, "invalid_authorization_details"),  # RFC 9396
    # section 11
    "ciba_authorization_pending": OAuthRefusal(400, "authorization_pending"),
    "ciba_slow_down": OAuthRefusal(400, "slow_down"),
    "ciba_expired_token": OAuthRefusal(400, "expired_token"),
    "ciba_access_denied": OAuthRefusal(400, "access_denied"),
    "ciba_invalid_grant": OAuthRefusal(400, "invalid_grant"),
}
AT_THE_TOKEN_ENDPOINT = "/oauth/token"  # noqa: S105 - a path
TOKEN_ERRORS = {
    "proof_rejected": OAuthRefusal(400, "invalid_dpop_proof"),  # RFC 9449 section 5
    "nonce_required": OAuthRefusal(400, "use_dpop_nonce"),  # section 8
}
"""Where a token is asked for, and only there: everywhere else these are the 401 of a resource."""

CHALLENGES = {
    "client_rejected": 'Bearer error="invalid_token"',
    "token_missing": "Bearer",
    "token_rejected": 'Bearer error="invalid_token"',
}
"""RFC 6749 section 5.2: a 401 names the scheme the client used; RFC 6750 where it was none."""


class ErrorBody(msgspec.Struct, frozen=True):
    error: str
    error_description: str


def told(path: str, code: str) -> OAuthRefusal | None:
    """How the route at `path` tells a refusal; None where it speaks as all others do."""
    if not path.startswith(PREFIX):
        return None
    at_token = TOKEN_ERRORS.get(code) if path == AT_THE_TOKEN_ENDPOINT else None
    return at_token or ERRORS.get(code)
