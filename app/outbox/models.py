"""What waits to be sent."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Topic(StrEnum):
    """What a doorbell says it is about, and nothing more."""

    APPROVAL = "approval"
    LOGIN = "login"
    REVOKED = "revoked"
    SECURITY = "security"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One doorbell for one device. `rid` is random and no credential."""

    trader_id: UUID
    message_id: UUID
    topic: Topic
    rid: UUID
    device_id: UUID
    attempts: int
    expires_at: datetime
    registration: str | None
    registration_kind: str | None
