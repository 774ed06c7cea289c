"""What is sent to a phone, and what came of it."""

from datetime import datetime
from enum import Enum, auto
from typing import Literal

import msgspec

RegistrationKind = Literal["fid", "token"]

_SHOWN = 6
_TOO_SHORT_TO_SHOW = 12


class Address(msgspec.Struct, frozen=True):
    """Where a phone's app is reached: a Firebase installation id, or an older token."""

    kind: RegistrationKind
    registration: str

    @property
    def public_half(self) -> str:
        """Enough to find a registration that one already has, and no more."""
        shown = self.registration if len(self.registration) >= _TOO_SHORT_TO_SHOW else ""
        return f"…{shown[-_SHOWN:]}"

    def __repr__(self) -> str:
        return f"Address({self.kind}, {self.public_half})"


class DoorbellData(msgspec.Struct, frozen=True, kw_only=True):
    """All that a provider, a proxy or a lock screen can learn. A fourth field breaks P9."""

    v: str
    t: str
    rid: str


class Doorbell(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one phone, in our own words.

    `ttl_seconds` is what is left of the message's life, rounded down; with 0 the provider delivers
    at once or not at all. `collapse_id` makes a repeat replace what it repeats.
    """

    address: Address
    data: DoorbellData
    collapse_id: str
    ttl_seconds: int
    expires_at: datetime


class Result(Enum):
    """What the provider made of a message."""

    SENT = auto()
    UNREGISTERED = auto()
    """The app is gone from that phone; the registration will never work again."""
    MISADDRESSED = auto()
    """The registration is of another sender. It stays: our credentials may be the wrong ones."""
    REFUSED = auto()
    """The same message would be refused again."""
    THROTTLED = auto()
    LATER = auto()


class Verdict(msgspec.Struct, frozen=True):
    """A result, our code for its reason, and the provider's Retry-After if it sent one."""

    result: Result
    code: str
    retry_after_seconds: float | None = None


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The message has reached its end."""

    state: Literal["sent", "expired", "undeliverable", "dead"]
    error: str | None = None
    disable_registration: bool = False


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """The message is due again at `due_at`."""

    due_at: datetime
    error: str
