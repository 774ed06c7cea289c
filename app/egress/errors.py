"""What can go wrong on the way to a venue and back."""

from app.core.errors import DomainError, Unavailable


class ReleaseRefused(DomainError):
    """A release that names no venue we reach, no order, or something that is no path."""

    code = "release_refused"
    sentence = "This request cannot be handed to the exchange."


class CourierBusy(Unavailable):
    """Too many requests are under way."""

    code = "courier_busy"
    sentence = "Too many requests to exchanges are under way, so this one was not taken."


class NotSent(Exception):
    """The request certainly never left: no connection was made. `reason` is a word for a log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AnswerLost(Exception):
    """The request may have arrived; there is no answer to read. `reason` is a word for a log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
