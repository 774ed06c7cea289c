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
