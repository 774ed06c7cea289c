"""A question about a token, and what may be said of it."""

from typing import Any

import msgspec

from app.approvals.actions import BotGrant, action_bytes, read_action
from app.approvals.errors import ActionMismatch
from app.approvals.limits import in_force, limits_of, narrowed
from app.core.origin import Origin
from app.core.token import Token
from app.guardrails.errors import WiderThanParent
from app.guardrails.rungs import Rung

_RUNGS = tuple(rung.value for rung in Rung)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`caller` is a client's access token as presented; `about` is None for what is no token."""

    caller: Token
    about: Token | None
    origin: Origin


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says. `kind` is None for a token that is none of the caller's, or dead.

    Times are seconds since the epoch. `limits` is the canonical JSON of what was granted, the
    topmost grant of the path first; `method` is how a session's sign-in was approved.
    """

    is_known: bool
    kind: str | None
    jkt: str | None
    scope: list[str] | None
    path: list[str] | None
    issued_at: int | None
    expires_at: int | None
    level: int | None
    limits: list[bytes] | None
    method: str | None


class Confirmation(msgspec.Struct, frozen=True):
    """RFC 7800 section 3.1, with the thumbprint of RFC 9449 section 6.1."""

    jkt: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 7662 section 2.2 for a living token.

    `acr`, `amr` (RFC 8176) and `auth_time` are those of a session's sign-in (RFC 9470 section 6.2).
    """

    active: bool
    iss: str
    token_type: str
    sub: str
    scope: str
    iat: int
    exp: int
    cnf: Confirmation
    tripcord_kind: str
    tripcord_token_id: str
    tripcord_path: list[str]
    tripcord_state: str
    authorization_details: list[Any] | None = None
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] | None = None


ACR_MEDIUM = "urn:tripcord:acr:medium"
ACR_DEVICE = "urn:tripcord:acr:device"
"""No session ever has it: the enrolled device's own key. What asks for it, a phone does."""

_SIGN_INS: dict[str, tuple[str, tuple[str, ...]]] = {
    "totp": (ACR_MEDIUM, ("mfa", "otp", "pop")),
}
"""By how a sign-in was approved: a code in the browser, and the phone's signature over it."""

_ABOVE_GRANTS = 2
"""Root and credential, the first two of a grant's path."""

INACTIVE = b'{"active":false}'
_ENCODER = msgspec.json.Encoder()


def answer_bytes(issuer: str, about: Token, found: Found) -> bytes:
    """The answer's JSON. Everything that is not alive for this caller is the same bytes."""
    if found.kind is None:
        return INACTIVE
    details = None
    if found.limits is not None:
        try:
            details = msgspec.Raw(_in_force(found.limits, len(found.path or ())))
        except (ActionMismatch, WiderThanParent):
            return INACTIVE
    acr, amr = _SIGN_INS.get(found.method or "", (None, None))
    return _ENCODER.encode(
        Answer(
            active=True,
            iss=issuer,
            token_type="DPoP",  # noqa: S106 - RFC 9449 section 6
            sub=str(about.trader_id),
            scope=" ".join(found.scope or ()),
            iat=found.issued_at or 0,
            exp=found.expires_at or 0,
            cnf=Confirmation(found.jkt or ""),
            tripcord_kind=found.kind,
            tripcord_token_id=str(about.token_id),
            tripcord_path=found.path or [],
            tripcord_state=_RUNGS[found.level or 0],
            authorization_details=None if details is None else [details],
            auth_time=found.issued_at if found.kind == "session" else None,
            acr=acr,
            amr=amr,
        )
    )


def _in_force(grants: list[bytes], depth: int) -> bytes:
    """What a grant may do, as narrow as everything above it.

    Raises
    ------
    ActionMismatch, WiderThanParent
        A grant of the path is not there or cannot be read, or nothing is left.
    """
    if len(grants) != depth - _ABOVE_GRANTS:
        raise ActionMismatch
    if len(grants) == 1:
        return grants[0]
    actions = [read_action(raw, BotGrant) for raw in grants]
    return action_bytes(narrowed(actions[-1], in_force([limits_of(one) for one in actions])))
