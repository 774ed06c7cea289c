"""Refusals of the credentials room."""

from app.core.errors import DomainError


class CredentialNotFound(DomainError):
    """No such credential, or not this trader's."""

    code = "credential_not_found"
    sentence = "There is no such exchange key."


class CredentialNotActive(DomainError):
    """Not linked yet, or refused."""

    code = "credential_not_active"
    sentence = "This exchange key is not linked."
