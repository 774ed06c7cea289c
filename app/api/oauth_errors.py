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
CHALLENGES = {
    "client_rejected": 'Bearer error="invalid_token"',
    "token_missing": "Bearer",
    "token_rejected": 'Bearer error="invalid_token"',
}
"""RFC 6749 section 5.2: a 401 names the scheme the client used; RFC 6750 where it was none."""


class ErrorBody(msgspec.Struct, frozen=True):
    error: str
    error_description: str
