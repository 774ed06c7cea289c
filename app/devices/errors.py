"""Refusals of the devices room."""

from app.core.errors import DomainError


class KeyTaken(DomainError):
    """A key is one device's, once."""

    code = "key_taken"
    sentence = "This key belongs to a device already; make a new one."
