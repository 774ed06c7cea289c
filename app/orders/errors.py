"""Refusals of the orders room."""

from app.core.errors import DomainError


class OrderNotFound(DomainError):
    """No such order, another trader's, or another bot's: one answer."""

    code = "order_not_found"
    sentence = "There is no such order."
