"""Refusals of the traders room."""

from app.core.errors import DomainError


class TraderNotFound(DomainError):
    """No such trader, or another platform's."""

    code = "trader_not_found"
    sentence = "There is no such trader."
