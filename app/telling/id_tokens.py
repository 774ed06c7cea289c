"""The closed template of an ID token: the trader approved this, for the platform that asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from app.approvals.errors import FactorTooWeak
from app.approvals.models import Approval, Decision
from app.approvals.other_actions import ExternalAction
from app.core.canonical import canonical_json
from app.core.clock import unix_seconds
from app.core.encoding import b64url
from app.guardrails.strength import METHOD_STRENGTH

LIFE: Final = timedelta(minutes=5)
"""To be verified on arrival; what it tells of stays true."""

AMR: Final = {
    "totp": ["mfa", "otp", "pop"],
    "webauthn": ["mfa", "pop", "user"],
}
"""RFC 8176: the phone's signature over the action, and the factor on top. The two methods that
satisfy CIBA (DESIGN section 6): the others need a screen of ours beside the phone."""


def check_method(decision: Decision) -> None:
    """Raise FactorTooWeak unless the way of this decision satisfies CIBA."""
    if decision.method not in AMR:
        raise FactorTooWeak


def claims(
    issuer: str,
    action: ExternalAction,
    approval: Approval,
    decision: Decision,
    now: datetime,
    *,
    amr: Sequence[str],
    life: timedelta,
) -> bytes:
    """Who approved what, when and how, for one audience: as OpenID Connect Core 1.0 section 2 has
    it, with what was granted (RFC 9396) as it was shown. A redemption statement says the same.

    `action_digest` is SHA-256 over the canonical JSON of the one element of
    `authorization_details`: what the phone rendered and signed.
    """
    told: dict[str, Any] = {
        "iss": issuer,
        "aud": str(action.platform_id),
        "sub": str(approval.trader_id),
        "jti": str(approval.approval_id),
        "iat": unix_seconds(now),
        "exp": unix_seconds(now + life),
        "auth_time": unix_seconds(decision.decided_at),
        "acr": f"urn:tripcord:acr:{METHOD_STRENGTH[decision.method].value}",
        "amr": [*amr],
        "authorization_details": [msgspec.to_builtins(action)],
        "action_digest": b64url(approval.digest),
    }
    return canonical_json(told)
