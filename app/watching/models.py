"""What a device hears."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.tokens.models import Level

Kind = Literal["approval", "login", "revocation", "token", "notice"]
Reason = Literal[
    "revoked",
    "contained",
    "expired",
    "token_changed",
    "replaced",
    "renew",
    "unavailable",
    "stopping",
]
"""Why a stream ended. After `replaced` and `revoked` there is no point in opening it again."""


class Opened(msgspec.Struct, frozen=True):
    """The first word of a stream: what is told comes after `position`.

    It is smaller than the position asked for where the chain is not that long: another trader's,
    or of a time that a backup took back.
    """

    position: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the chain, as ids and public words. `position` is the event's id."""

    position: int
    at: datetime
    event: str
    outcome: str
    token_id: UUID | None
    subject_id: UUID | None


class Pulse(msgspec.Struct, frozen=True):
    """Nothing happened, and somebody looked: the stream is alive."""


class Ended(msgspec.Struct, frozen=True):
    """The last word of a stream."""

    reason: Reason


class Watcher(msgspec.Struct, frozen=True, kw_only=True):
    """Who watches: one device of one trader, once its proof was accepted."""

    trader_id: UUID
    token_id: UUID
    path: list[UUID]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a token stands: the worst rung on its path, the earliest end of it."""

    level: Level
    expires_at: datetime
