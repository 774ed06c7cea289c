"""Refusals of the approvals room."""

from app.core.errors import DomainError


class ApprovalNotFound(DomainError):
    """No such approval, or not this trader's: same answer, no oracle."""

    code = "approval_not_found"
    sentence = "There is no such approval."


class ApprovalNotPending(DomainError):
    """Already decided or expired."""

    code = "approval_not_pending"
    sentence = "This was already decided, or its time is over."


class ApprovalNotApproved(DomainError):
    """Not approved, already executed, or expired since."""

    code = "approval_not_approved"
    sentence = "This was not approved, or was carried out already."


class ActionMismatch(DomainError):
    """The device was shown, or signed, another action than the stored one."""

    code = "action_mismatch"
    sentence = "What was signed is not what was asked."


class FactorTooWeak(DomainError):
    """The method proves less than the policy asks for this action."""

    code = "factor_too_weak"
    sentence = "This action needs a stronger way to approve."
