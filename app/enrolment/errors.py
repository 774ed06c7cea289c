"""Refusals of the enrolment path."""

from app.core.errors import DomainError


class EnrolmentRefused(DomainError):
    """Unknown, expired or taken code, or a trader that already has its first device."""

    code = "enrolment_refused"
    sentence = "This enrolment code cannot be used; ask for a new one."


class FactorNeedsApproval(DomainError):
    """Only the first factor is bound by a statement and a code alone."""

    code = "factor_needs_approval"
    sentence = "Another authenticator needs an approval with the one you have."


class FactorRefused(DomainError):
    """What was approved is not this factor as it is now, or the trader has as many as may be."""

    code = "factor_refused"
    sentence = "This authenticator cannot be added or removed like this; start again."


class TooManySealingKeys(DomainError):
    """The device opened several without using them."""

    code = "too_many_sealing_keys"
    sentence = "Too many sealing keys were opened from this device; wait a few minutes."
