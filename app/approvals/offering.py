"""Which ways of approving a request can be answered by: what a phone is offered."""

from collections.abc import Collection

from app.approvals.governing import Who, who
from app.approvals.models import Approval
from app.guardrails.strength import METHOD_STRENGTH, Strength

PUSH_OTP_MAY_APPROVE = frozenset({"trade.order", "trade.external"})
"""A closed list, so that a new type of action is not on it by accident. Never a link, a grant, what
widens, what goes up the ladder, or a factor (DESIGN section 6)."""

_ON_ANOTHER_SCREEN = {"device_number", "push_otp"}
_ITS_OWN_FACTOR = {"webauthn", "totp"}
_OFFERED = ("webauthn", "device_number", "totp", "push_otp")
"""Strongest first."""


def offered(approval: Approval, factors: Collection[str]) -> list[str]:
    """Methods that are strong enough for this request, of those whose factor the trader has.

    `factors` are kinds: totp, webauthn. It promises nothing: the signer decides, and the trader's
    policy may by then ask for more.
    """
    asked = Strength(approval.required_strength)
    return [
        name
        for name in _OFFERED
        if METHOD_STRENGTH[name] >= asked
        and (name in factors or name not in _ITS_OWN_FACTOR)
        and not (name in _ON_ANOTHER_SCREEN and who(approval.requester) is Who.DEVICE)
        and (name != "push_otp" or approval.action_type in PUSH_OTP_MAY_APPROVE)
    ]
