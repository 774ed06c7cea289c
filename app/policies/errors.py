"""Refusals of the policies room."""

from app.core.errors import DomainError


class PolicyDenies(DomainError):
    """The trader's policy does not let this action happen as things are; `rule` is its type."""

    code = "policy_denies"
    sentence = "Your policy does not allow this."


class PolicyMalformed(DomainError):
    """`rule` names the field that is not as a policy's must be."""

    code = "policy_malformed"
    sentence = "This is not a policy."


class PolicyStale(DomainError):
    """The change is about another version: it was made already, or somebody else was first."""

    code = "policy_stale"
    sentence = "The policy has changed since. Look at it again."


class PolicyChangeWaits(DomainError):
    """Something weaker was approved and waits for its day; cancel it first."""

    code = "policy_change_waits"
    sentence = "Another change of the policy is waiting. Cancel it first."


class NothingWaits(DomainError):
    """No change waits, or not this one."""

    code = "nothing_waits"
    sentence = "There is no waiting change of the policy."
