"""Refusals of the platforms room."""

from app.core.errors import DomainError


class ClientRejected(DomainError):
    """Unknown, disabled, badly signed, expired or replayed: one answer for all."""

    code = "client_rejected"
    sentence = "The client could not be authenticated."


class PlatformNotFound(DomainError):
    """No such platform, or a disabled one: it stays disabled."""

    code = "platform_not_found"
    sentence = "There is no such platform, or it is disabled."


class KeyRefused(DomainError):
    """`rule` is the name of the key: used before, twice, unknown or the last."""

    code = "platform_key_refused"
    sentence = "This key cannot be added or removed: its name was used, is unknown, or is the last."
