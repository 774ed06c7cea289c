"""Refusals of the granting path."""

from app.core.errors import DomainError


class GrantRefused(DomainError):
    """The token, the credential or the key is not the one that was shown."""

    code = "grant_refused"
    sentence = "This grant cannot be made."
