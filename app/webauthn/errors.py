"""Refusals of the passkey room."""

from app.core.errors import DomainError


class PasskeyRejected(DomainError):
    """A ceremony that is not to be believed; `rule` names the step that refused."""

    code = "passkey_rejected"
    sentence = "The passkey was not accepted; try again."


class PasskeyFrozen(DomainError):
    """Its counter went back: there may be two of it."""

    code = "passkey_frozen"
    sentence = "This passkey may have been copied, so it approves nothing; remove it."


class CounterRegressed(DomainError):
    """A signature that is good, with a counter that did not grow."""

    code = "passkey_counter_regressed"
    sentence = "This passkey may have been copied; it was frozen and your devices were told."


class ChallengeGone(DomainError):
    """Used, expired, or never made for this."""

    code = "passkey_challenge_gone"
    sentence = "This took too long or was used already; begin again."


class TooManyChallenges(DomainError):
    """Several are open and unused."""

    code = "too_many_challenges"
    sentence = "Too many passkey requests were begun; wait a few minutes."


class PasskeyNotFound(DomainError):
    """No such passkey, or not this trader's: one answer."""

    code = "passkey_not_found"
    sentence = "There is no such passkey."


class PasskeyChanged(DomainError):
    """Used or changed by another request in the same moment."""

    code = "passkey_changed"
    sentence = "The passkey was used elsewhere at the same time; try again."
