"""A webhook, its keys, and a message on its way."""

from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Final, Literal
from uuid import UUID

import msgspec

MAX_WEBHOOKS: Final = 10
"""Of one platform. It bounds what a revoke writes, whatever hangs below the node."""

OVERLAP: Final = timedelta(hours=24)
"""After a rotation both keys sign for this long, unless the platform asks otherwise."""
LONGEST_OVERLAP: Final = timedelta(days=7)

EventKind = Literal["session-revoked", "credential-change"]
EVENTS: Final[tuple[EventKind, ...]] = ("session-revoked", "credential-change")


class State(StrEnum):
    """`paused`: nothing is sent, what happens waits. `disabled`: nothing waits either (SSF)."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    DELETED = "deleted"


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    platform_id: UUID
    webhook_id: UUID
    url: str
    events: list[EventKind]
    state: State
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """`public_key`: 32 bytes, None until the dispatcher has published it."""

    version: int
    public_key: bytes | None
    created_at: datetime
    retires_at: datetime | None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A leased message. `failures`: attempts the receiver did not take, before this one."""

    trader_id: UUID
    message_id: UUID
    platform_id: UUID
    webhook_id: UUID
    url: str
    event: str
    attempts: int
    failures: int
    expires_at: datetime


class Result(Enum):
    """What came of an attempt."""

    TAKEN = auto()
    GONE = auto()
    """410: the receiver wants no more, ever."""
    FAILED = auto()


class Verdict(msgspec.Struct, frozen=True):
    """A result, and a word for it that a log may hold: a status, or the kind of failure."""

    result: Result
    code: str


class Done(msgspec.Struct, frozen=True):
    """It arrived."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    due_at: datetime
    error: str


class Disable(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook is over, and with it everything that waits for it."""

    reason: str
