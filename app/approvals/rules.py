"""Decisions about approvals. Pure: no I/O, no clock, property-testable."""

import hmac
from datetime import datetime

from app.approvals.errors import ActionMismatch, ApprovalNotApproved, ApprovalNotPending
from app.approvals.models import Approval, ApprovalState, Decision


def check_decidable(
    approval: Approval, *, signed_nonce: bytes, signed_digest: bytes, now: datetime
) -> None:
    """Raise unless `approval` may be decided now by a signature over these two values."""
    same_action = hmac.compare_digest(approval.digest, signed_digest)
    same_request = hmac.compare_digest(approval.nonce, signed_nonce)
    if not (same_action and same_request):
        raise ActionMismatch
    if approval.state is not ApprovalState.PENDING or now >= approval.expires_at:
        raise ApprovalNotPending


def check_executable(
    approval: Approval, decision: Decision, *, expected_action_type: str, now: datetime
) -> None:
    """Raise unless the approved action may be carried out now, and only that one."""
    if approval.state is not ApprovalState.APPROVED or now >= approval.expires_at:
        raise ApprovalNotApproved
    if decision.decision != "approve" or approval.action_type != expected_action_type:
        raise ApprovalNotApproved
    if decision.digest != approval.digest or decision.nonce != approval.nonce:
        raise ActionMismatch
