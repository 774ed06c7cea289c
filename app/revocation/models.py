"""What a revoke answers, and what is found out about it later."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.core.token import Token
from app.tokens.models import CleanUpMode, NodeKind

IncidentKind = Literal["session_disowned", "device_lost"]

COUNTED = 10_000
"""Counts of a revocation go no further: the fence cost nothing per node, and neither may a look at
it. A count of 10,000 reads "10,000 or more"; the pages go on."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the fence stands in the trader's log, and the read-only capability that shows it.

    `capability` is revealed once, in a header of the reply.
    """

    trader_id: UUID
    revocation_id: UUID
    token_id: UUID
    position: int
    revoked_at: datetime
    cleanup_deadline_at: datetime
    capability: Token


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a revoke met, each counted to `COUNTED`; clean-up items by their state."""

    tokens: int
    orders_slipped: int
    orders_kept: int
    cleanup_pending: int
    cleanup_done: int
    cleanup_unsupported: int
    cleanup_unconfirmed: int


class CleanUpView(msgspec.Struct, frozen=True, kw_only=True):
    item_no: int
    kind: str
    venue: str
    state: str
    attempts: int
    last_outcome: str | None
    market: str | None
    client_order_id: str | None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """An order on a receipt. Slipped: released before the revoke, with no venue outcome when it
    came. Kept: open, and left so by the clean-up mode.
    """

    order_id: UUID
    client_order_id: str
    market: str | None
    side: str | None
    state: str


class Victim(msgspec.Struct, frozen=True, kw_only=True):
    """A node at or below the one that was revoked."""

    token_id: UUID
    kind: NodeKind
    parent_id: UUID | None
    label: str
    created_at: datetime
    expires_at: datetime


class CardLine(msgspec.Struct, frozen=True, kw_only=True):
    """A registered card: never more of it than its number."""

    card_id: UUID
    root_id: UUID
    created_at: datetime


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said was not theirs any more, and where in the log it stands.

    The entries of the `locked` chain from `since` up to `last_position` that name `subject_id` are
    the incident's. `revocation_id` is None where nothing had to be cut: a sign-in still under way.
    """

    incident_id: UUID
    kind: IncidentKind
    subject_id: UUID
    reported_by: UUID
    since: datetime
    reported_at: datetime
    last_position: int
    revocation_id: UUID | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    cleanup_mode: CleanUpMode
