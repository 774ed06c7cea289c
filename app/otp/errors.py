"""Refusals of the one-time-password room."""

from app.core.errors import DomainError


class TotpRejected(DomainError):
    """Wrong, stale or already used code. Deliberately one answer for all three."""

    code = "totp_rejected"
    sentence = "The code is not valid; wait for the next one and try again."


class TotpLocked(DomainError):
    """No attempts left for now, or no authenticator: one answer for both."""

    code = "totp_locked"
    sentence = "No code can be tried right now; wait, or approve with another method."
