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


class PromptOpen(DomainError):
    """The requester asked something that nobody answered yet; one at a time."""

    code = "prompt_open"
    sentence = "Something asked before is still waiting for its answer."


class PromptsExhausted(DomainError):
    """The requester has asked as often as it may for now."""

    code = "prompts_exhausted"
    sentence = "The trader was asked often enough for now. Come back later."


class CoolingDown(DomainError):
    """The trader said no to the same thing a moment ago."""

    code = "prompt_cooling_down"
    sentence = "The trader just said no to this. It is not asked again for a while."


class RequesterMuted(DomainError):
    """The trader called something of this requester's a fraud."""

    code = "requester_muted"
    sentence = "The trader does not want to be asked by this requester."
