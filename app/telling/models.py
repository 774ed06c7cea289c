"""What a queued message names, and what was found to be true."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

EventName = Literal["session-revoked", "credential-change", "verification"]
Fact = Literal[
    "revocation",
    "device",
    "re_enrolled_device",
    "factor",
    "recovery_codes",
    "passkey",
    "credential",
    "webhook",
]
Initiator = Literal["user", "admin", "policy", "system"]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The outbox's `subject` for a webhook. `position` is a place on the trader's locked chain."""

    event: EventName
    fact: Fact
    position: int | None = None


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one webhook. `owner_id` is the platform of the trader, None for the system's.

    None of it is believed: it names the rows to look at.
    """

    trader_id: UUID
    message_id: UUID
    rid: UUID
    subject: Subject
    created_at: datetime
    platform_id: UUID
    owner_id: UUID | None


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the trader's locked chain; `genuine` says that its hashes fit."""

    event: str
    outcome: str
    at: datetime
    token_id: UUID | None
    subject_id: UUID | None
    genuine: bool


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation with its fence. `is_root` is true of the trader token itself."""

    token_id: UUID
    kind: str
    is_root: bool
    imposed_by: Literal["trader", "operator", "monitor"]
    log_position: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """All that a template's holes take.

    `node_id` is what was revoked or bound; `about_trader`: the subject is the trader himself.
    """

    issuer: str
    message_id: UUID
    platform_id: UUID
    trader_id: UUID | None
    fact_id: UUID
    node_id: UUID
    node_kind: str
    about_trader: bool
    initiator: Initiator
    at: datetime
