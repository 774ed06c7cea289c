"""Refusals of the requesting room."""

from app.core.errors import DomainError


class DetailsRefused(DomainError):
    """An element of `authorization_details` that is not one of ours; `rule` names the field."""

    code = "invalid_authorization_details"
    sentence = "What is asked for is of an unknown type, or a field of it is not as it must be."
