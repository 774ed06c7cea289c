"""Refusals and faults of the database."""

from app.core.errors import DomainError, Unavailable


class DatabaseUnavailable(Unavailable):
    """No connection, a time-out, or a commit whose outcome is unknown."""

    code = "database_unavailable"
    sentence = "The database cannot be reached, so nothing was done."


class TraderBusy(DomainError):
    """Too many requests wait for this trader's lock."""

    code = "trader_busy"
    sentence = "Too many requests for this trader are under way; try again in a moment."


class Conflict(Exception):
    """A constraint or a function of the schema refused. `name` is the constraint or SQLSTATE."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
