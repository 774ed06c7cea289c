"""Refusals of the access log."""

from app.core.errors import DomainError, Unavailable


class LogUnavailable(Unavailable):
    """What cannot be logged does not happen (P6)."""

    code = "log_unavailable"
    sentence = "The access log cannot be written, so nothing was done."


class CheckpointNotFound(DomainError):
    """No checkpoint covers this chain yet."""

    code = "checkpoint_not_found"
    sentence = "There is no checkpoint yet; one is made every few seconds."
