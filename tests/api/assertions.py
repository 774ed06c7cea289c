"""Client assertions (RFC 7523) as a platform makes them, and as an attacker would."""

import time
from typing import Any

from scripts.clients.encoding import b64url
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, jws
from tests.api.rows import PlatformRow

ENDPOINT = f"{ORIGIN}/oauth/token"
_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def claims(platform: PlatformRow, **changes: Any) -> dict[str, Any]:
    """Good claims, with changes; None drops one."""
    now = int(time.time())
    fields: dict[str, Any] = {
        "iss": str(platform.platform_id),
        "sub": str(platform.platform_id),
        "aud": ENDPOINT,
        "jti": b64url(KeyPair.ed25519().jkt.encode()),
        "iat": now,
        "exp": now + 60,
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def header(platform: PlatformRow, **changes: Any) -> dict[str, Any]:
    fields = {"typ": "JWT", "alg": "ES256", "kid": platform.key.jkt} | changes
    return {name: value for name, value in fields.items() if value is not None}


def good_form(platform: PlatformRow) -> dict[str, str | None]:
    return {**form(jws(header(platform), claims(platform), platform.key))}


def form(assertion: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": _TYPE,
        "client_assertion": assertion,
    }
