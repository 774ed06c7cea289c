"""Refusals of the signing path."""

from app.core.errors import DomainError, Unavailable


class GrantUnknown(DomainError):
    """No such grant under this trader."""

    code = "grant_unknown"
    sentence = "There is no such grant."


class OrderExpired(DomainError):
    """Outside the 30 seconds for which a model's signature stands."""

    code = "order_expired"
    sentence = "The signed order is too old, or dated ahead."


class SequenceReused(DomainError):
    """The sequence number was spent on another order."""

    code = "sequence_reused"
    sentence = "This sequence number was used for another order."


class CourierAbsent(Unavailable):
    """Nobody could send the request, so it is not signed."""

    code = "courier_absent"
    sentence = "The connection to the exchange is down, so nothing was signed."


class MarketUnknown(DomainError):
    """No pinned snapshot or price of this market."""

    code = "market_unknown"
    sentence = "There is no fresh price for this market, so nothing was signed."


class CleanUpRefused(DomainError):
    """Not an item of this revocation, or its 15 minutes are over."""

    code = "clean_up_refused"
    sentence = "This clean-up is over."
