"""Decisions about approvals. Pure: no I/O, no clock, property-testable."""

import hmac
from datetime import datetime, timedelta

from app.approvals.errors import ActionMismatch, ApprovalNotApproved, ApprovalNotPending
from app.approvals.models import LONGEST_LIFE, Approval, ApprovalState, Decision

CLOCK_TOLERANCE = timedelta(seconds=2)
"""How far ahead of ours the clock of whoever wrote a row may be."""


def check_decidable(
    approval: Approval, *, signed_nonce: bytes, signed_digest: bytes, now: datetime
) -> None:
    """Raise unless `approval` may be decided now by a signature over these two values.

    What the row says of its own times is not believed beyond what an approval can live: one dated
    ahead would never expire.
    """
    check_same(approval, signed_nonce=signed_nonce, signed_digest=signed_digest)
    ahead = approval.created_at > now + CLOCK_TOLERANCE
    too_long = approval.expires_at > now + LONGEST_LIFE
    if ahead or too_long or now >= approval.expires_at:
        raise ApprovalNotPending
    if approval.state is not ApprovalState.PENDING:
        raise ApprovalNotPending


def check_same(approval: Approval, *, signed_nonce: bytes, signed_digest: bytes) -> None:
    """Raise unless what was signed is this request and this action."""
    same_action = hmac.compare_digest(approval.digest, signed_digest)
    same_request = hmac.compare_digest(approval.nonce, signed_nonce)
    if not (same_action and same_request):
        raise ActionMismatch


def check_executable(
    approval: Approval, decision: Decision, *, expected_action_type: str, now: datetime
) -> None:
    """Raise unless the approved action may be carried out now, and only that one."""
    if approval.state is not ApprovalState.APPROVED or now >= approval.expires_at:
        raise ApprovalNotApproved
    # The time of the decision is under its MAC; the expiry of the approval is only a row's word.
    if now - decision.decided_at > LONGEST_LIFE:
        raise ApprovalNotApproved
    if decision.decision != "approve" or approval.action_type != expected_action_type:
        raise ApprovalNotApproved
    if decision.digest != approval.digest or decision.nonce != approval.nonce:
        raise ActionMismatch
