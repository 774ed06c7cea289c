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


class WrongNumber(DomainError):
    """Not what the requester's screen shows; the approval is over."""

    code = "wrong_number"
    sentence = "The number is not the one on the other screen, so the request was ended."


class NoNumber(DomainError):
    """The requester is a phone: its own screen proves nothing about another."""

    code = "no_number"
    sentence = "This request has no number; approve it in another way."


class PushCodeRejected(DomainError):
    """Wrong, used, expired, out of attempts or never made: one answer."""

    code = "push_code_rejected"
    sentence = "The code is not valid; ask for a new one on the phone."
