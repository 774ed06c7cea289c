"""The base of every refusal this service explains to its caller."""

from typing import ClassVar


class DomainError(Exception):
    """A rule said no.

    ``code`` is public and stable: clients switch on it. ``sentence`` is for a person and never
    carries internals. The HTTP status is not here on purpose; only ``app.api.problems`` knows
    about HTTP.

    ``retry_after_seconds`` is set where waiting helps. ``rule`` and ``node`` name what refused,
    where the caller may know it; both are logged.
    """

    code: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(
        self, *, rule: str | None = None, node: str | None = None, retry_after_seconds: int = 0
    ) -> None:
        super().__init__(self.code)
        self.rule = rule
        self.node = node
        self.retry_after_seconds = retry_after_seconds
        self.logged = False  # set where the refusal is in the log already


class Unavailable(DomainError):
    """Something we need to be sure is missing. Doubt means no (P8)."""

    code = "unavailable"
    sentence = "A part this needs is not available right now, so nothing was done."


class Malformed(DomainError):
    """Input that has not the promised shape."""

    code = "malformed"
    sentence = "The request does not have the expected form."
