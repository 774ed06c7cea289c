"""The parameters of an authentication request, and the pace of pings. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.ciba.errors import BindingMessageRefused, ScopeRefused
from app.ciba.models import SCOPE, Hint, Wanted
from app.core.errors import Malformed
from app.core.secret import Secret
from app.guardrails.strength import Strength

DEFAULT_LIFE: Final = timedelta(seconds=120)
LONGEST_LIFE: Final = timedelta(minutes=10)
"""As every approval's (DESIGN section 6). `requested_expiry` beyond it is cut to it."""

MOST_MESSAGE_CHARS: Final = 128
"""Two lines on a phone; CIBA section 7.1 asks for "relatively short"."""

ACR: Final = {
    f"urn:tripcord:acr:{strength.value}": strength
    for strength in (Strength.MEDIUM, Strength.STRONG, Strength.PHISHING_RESISTANT)
}

PLAIN: Final[dict[str, Any]] = {
    "type": "trade.external",
    "kind": "other",
    "reference": SCOPE,
    "description": SCOPE,
}
"""What a request without `authorization_details` asks: that it is this person, and nothing more.
Whatever the client says beside it is shown as its claim."""

PAUSES: Final = tuple(map(float, (1, 5, 15, 45, 120)))
"""Seconds after the first failed ping, the second, … : within the ten minutes it is worth anything.
The last is repeated."""

_HINTS: Final[tuple[Hint, ...]] = ("login_hint", "login_hint_token", "id_token_hint")
_NOTIFICATION_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")
"""`b64token` of RFC 6750 section 2.1."""
_MOST_TOKEN_CHARS: Final = 1024
_LEAST_TOKEN_CHARS: Final = 22
"""128 bits in base64url."""
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,8}\Z")


def parse(form: Mapping[str, str], *, details: Any, pings: bool) -> Wanted:
    """The request in a form (CIBA section 7.1), or the first thing that is wrong with it.

    `details` is the JSON value of `authorization_details`, None where there is none.

    Raises
    ------
    Malformed
        The rule names the parameter: `invalid_request`.
    ScopeRefused, BindingMessageRefused
    """
    if "request" in form or "request_uri" in form:  # signed requests are not offered: metadata
        raise Malformed(rule="request")
    if set(form.get("scope", "").split(" ")) != {SCOPE}:
        raise ScopeRefused
    hints = [name for name in _HINTS if form.get(name)]
    if len(hints) != 1:
        raise Malformed(rule="login_hint")
    return Wanted(
        hint=hints[0],
        hint_value=form[hints[0]],
        details=_one(details),
        binding_message=_message(form.get("binding_message")),
        user_code=Secret(form["user_code"].encode()) if form.get("user_code") else None,
        life=_life(form.get("requested_expiry")),
        least=_least(form.get("acr_values", "")),
        notification_token=_notification_token(form, pings=pings),
    )


def next_try(failures: int, *, now: datetime) -> datetime:
    """When to ping again after so many failures, the last one just now."""
    return now + timedelta(seconds=PAUSES[min(failures, len(PAUSES)) - 1])


def _one(details: Any) -> dict[str, Any]:
    """One typed object (RFC 9396 section 2); whoever builds the action judges its fields."""
    match details:
        case None:
            return dict(PLAIN)
        case [dict(only)]:
            return only
        case _:
            return {"type": None}  # of no known type: the answer is the same


def _message(text: str | None) -> str | None:
    if text is None:
        return None
    if not 0 < len(text) <= MOST_MESSAGE_CHARS or not text.strip(" "):
        raise BindingMessageRefused
    if any(c != " " and unicodedata.category(c)[0] in "CZ" for c in text) or "\ufffd" in text:
        raise BindingMessageRefused
    return text


def _life(text: str | None) -> timedelta:
    if text is None:
        return DEFAULT_LIFE
    if not _SECONDS.match(text):
        raise Malformed(rule="requested_expiry")
    return min(timedelta(seconds=int(text)), LONGEST_LIFE)


def _least(text: str) -> Strength | None:
    """The weakest of the classes that would do. Unknown ones are wishes nobody can fulfil."""
    return min((ACR[word] for word in text.split(" ") if word in ACR), default=None)


def _notification_token(form: Mapping[str, str], *, pings: bool) -> Secret | None:
    if not pings:
        return None
    text = form.get("client_notification_token", "")
    if not _LEAST_TOKEN_CHARS <= len(text) <= _MOST_TOKEN_CHARS:
        raise Malformed(rule="client_notification_token")
    if not _NOTIFICATION_TOKEN.match(text):
        raise Malformed(rule="client_notification_token")
    return Secret(text.encode())
