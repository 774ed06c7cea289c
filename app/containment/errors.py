"""Refusals of the containment room."""

from app.core.errors import DomainError


class VenueNotFound(DomainError):
    """No row of that name."""

    code = "venue_not_found"
    sentence = "There is no such venue."
