"""Faults of configuration; what a provider answers is a `Verdict`, not an exception."""


class ServiceAccountRefused(Exception):
    """The service account is not one we can send with. The message holds nothing of it."""
