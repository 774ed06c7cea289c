"""Refusals of the platforms room."""

from app.core.errors import DomainError


class ClientRejected(DomainError):
    """Unknown, disabled, badly signed, expired or replayed: one answer for all."""

    code = "client_rejected"
    sentence = "The client could not be authenticated."
