"""Refusals of the sessions room."""

from app.core.errors import DomainError


class SessionNotFound(DomainError):
    """No such attempt, another key's, or over: one answer."""

    code = "session_not_found"
    sentence = "There is no such sign-in, or its time is over."


class SessionCodeMissing(DomainError):
    """The phone decided before the browser proved the code."""

    code = "session_code_missing"
    sentence = "Enter the code in the browser first, then approve here."
