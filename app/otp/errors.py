"""Refusals of the one-time-password room."""

from uuid import UUID

from app.core.errors import DomainError


class TotpRejected(DomainError):
    """Wrong, stale or already used code. Deliberately one answer for all three."""

    code = "totp_rejected"
    sentence = "The code is not valid; wait for the next one and try again."


class TotpReplayed(TotpRejected):
    """A right code a second time: to the caller the same answer, to the owner a warning."""

    def __init__(self, factor_id: UUID | None = None) -> None:
        super().__init__()
        self.factor_id = factor_id


class FactorUnnamed(DomainError):
    """There are several authenticators, and the code does not say which one it is of."""

    code = "factor_unnamed"
    sentence = "You have several authenticators; say which one the code is from."


class FactorNotFound(DomainError):
    """No such living factor, or not this trader's: same answer."""

    code = "factor_not_found"
    sentence = "There is no such authenticator."


class LastFactor(DomainError):
    """Removing it would leave nobody who can approve."""

    code = "last_factor"
    sentence = "This is your only authenticator; add another one first."


class TotpLocked(DomainError):
    """No attempts left for now, or no authenticator: one answer for both."""

    code = "totp_locked"
    sentence = "No code can be tried right now; wait, or approve with another method."
