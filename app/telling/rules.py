"""The closed list of what can be said, and how: claims of a security event token.

RFC 8417 section 2.2 and CAEP 1.0 with its interoperability profile: one event per token, `sub_id`
(RFC 9493) and no `sub`, no `exp` (section 4.5: so that none is taken for an ID or access token),
`jti`, `iat`, `txn`, and a reason for administrators that is not empty.
"""

from typing import Any, Final, Literal

import msgspec

from app.accesslog.models import Event
from app.core.canonical import canonical_json
from app.core.clock import unix_seconds
from app.telling.models import EventName, Fact, Statement

CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be said. `told_by` is the log entry that must be there for it.

    `credential_type` is a word of CAEP's where it has one: its list knows neither authenticator
    apps as such nor API keys, and allows what both sides agree on.
    """

    uri: str
    reason: str
    told_by: Event | None
    credential_type: str | None = None
    change_type: Literal["create", "revoke", "update", "delete"] | None = None


TEMPLATES: Final[dict[tuple[EventName, Fact], Template]] = {
    ("session-revoked", "revocation"): Template(
        uri=f"{CAEP}session-revoked",
        reason="The node and everything beneath it were revoked; nothing under it acts any more.",
        told_by=Event.TOKEN_REVOKED,
    ),
    ("credential-change", "device"): Template(
        uri=f"{CAEP}credential-change",
        reason="A phone was bound to the trader.",
        told_by=Event.DEVICE_BOUND,
        credential_type="app",
        change_type="create",
    ),
    ("credential-change", "re_enrolled_device"): Template(
        uri=f"{CAEP}credential-change",
        reason="The trader lost every phone and came back with a new one, after the time to veto.",
        told_by=Event.RE_ENROLMENT_ENDED,
        credential_type="app",
        change_type="create",
    ),
    ("credential-change", "factor"): Template(
        uri=f"{CAEP}credential-change",
        reason="An authenticator app was bound to the trader.",
        told_by=Event.FACTOR_BOUND,
        credential_type="app",
        change_type="create",
    ),
    ("credential-change", "recovery_codes"): Template(
        uri=f"{CAEP}credential-change",
        reason="A phone made new recovery codes; those before them, if any, are worth nothing now.",
        told_by=Event.RECOVERY_CODES_BOUND,
        credential_type="recovery-codes",
        change_type="update",
    ),
    ("credential-change", "passkey"): Template(
        uri=f"{CAEP}credential-change",
        reason="A passkey was bound to the trader.",
        told_by=Event.PASSKEY_BOUND,
        credential_type="passkey",
        change_type="create",
    ),
    ("credential-change", "credential"): Template(
        uri=f"{CAEP}credential-change",
        reason="An exchange API key was linked.",
        told_by=Event.CREDENTIAL_LINKED,
        credential_type="exchange-api-key",
        change_type="create",
    ),
    ("verification", "webhook"): Template(
        uri=f"{SSF}verification",
        reason="The platform asked for a test.",
        told_by=None,
    ),
}


def claims(template: Template, said: Statement) -> bytes:
    """Claims as canonical JSON (RFC 8785), the same bytes for the same facts.

    `iat` is when it became true: the token was due from then on, and a repeat must be the same.
    """
    at = unix_seconds(said.at)
    return canonical_json(
        {
            "iss": said.issuer,
            "aud": str(said.platform_id),
            "jti": str(said.message_id),
            "txn": str(said.fact_id),
            "iat": at,
            "sub_id": _subject(said),
            "events": {template.uri: _event(template, said, at)},
        }
    )


def _subject(said: Statement) -> dict[str, str]:
    # A root stands for the trader, whom the platform knows by its id. Another node is named as
    # itself: a receiver that ended all sessions of a trader for one bot's would do too much.
    if said.trader_id is not None and said.about_trader:
        return {"format": "iss_sub", "iss": said.issuer, "sub": str(said.trader_id)}
    return {"format": "opaque", "id": str(said.node_id)}


def _event(template: Template, said: Statement, at: int) -> dict[str, Any]:
    if said.trader_id is None:
        return {"state": str(said.message_id)}
    event: dict[str, Any] = {
        "event_timestamp": at,
        "initiating_entity": said.initiator,
        "reason_admin": {"en": template.reason},
        "tripcord": {
            "trader_id": str(said.trader_id),
            "id": str(said.node_id),
            "kind": said.node_kind,
        },
    }
    if template.change_type is None:
        event["tripcord"]["reach"] = "subtree"
    else:
        event["credential_type"] = template.credential_type
        event["change_type"] = template.change_type
    return event
