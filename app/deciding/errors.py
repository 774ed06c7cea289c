"""Refusals of the deciding room."""

from app.core.errors import DomainError


class DeviceRejected(DomainError):
    """Not bound, another root's, or contained: one answer."""

    code = "device_rejected"
    sentence = "This device may not do that."


class StatementRejected(DomainError):
    """Signed well, but not for this: other ids, or too long ago."""

    code = "statement_rejected"
    sentence = "The signed statement does not belong to this request."


class ClockDoubt(DomainError):
    """The clocks of node and database differ by more than two seconds."""

    code = "clock_doubt"
    sentence = "The clocks do not agree, so nothing was done."
