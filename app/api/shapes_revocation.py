"""Shapes of the cord: receipts, cards, incidents, settings."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.api.shapes import Digest, In, Out, TokenText
from app.revocation.models import Counts, IncidentKind
from app.tokens.models import CleanUpMode


class NewCard(In, frozen=True):
    card_id: UUID
    secret_sha256: Digest


class CardView(Out, frozen=True):
    card_id: UUID


class RegisteredCard(CardView, frozen=True):
    created_at: datetime


class RedeemCard(In, frozen=True):
    card: TokenText


class BreakGlass(In, frozen=True):
    """Without `mode` clean-up does what the trader's setting says."""

    mode: CleanUpMode | msgspec.UnsetType = msgspec.UNSET


class ReceiptView(Out, frozen=True):
    revocation_id: UUID
    token_id: UUID
    level: Literal["revoked"]
    position: int
    revoked_at: datetime
    cleanup_deadline_at: datetime


class RevocationLine(ReceiptView, frozen=True):
    reason: str
    mode: CleanUpMode
    cleanup_state: str
    receipt_expires_at: datetime


class RevocationView(RevocationLine, frozen=True):
    """Each count stops at 10,000, which then reads "or more"; the pages go on."""

    counts: Counts


class CleanUpItem(Out, frozen=True):
    """`emergency_url` is where a person does by hand what was not confirmed or not offered."""

    item_no: int
    kind: str
    venue: str
    state: str
    attempts: int
    last_outcome: str | None
    market: str | None
    client_order_id: str | None
    emergency_url: str | None


class IncidentView(Out, frozen=True):
    """Entries of the `locked` chain from `since` to `last_position` that name `subject_id` are
    this incident's.
    """

    incident_id: UUID
    kind: IncidentKind
    subject_id: UUID
    reported_by: UUID
    since: datetime
    reported_at: datetime
    last_position: int
    revocation_id: UUID | None


class ReportedView(Out, frozen=True):
    """`receipt` is None where nothing had to be cut: the sign-in had not become a session."""

    incident: IncidentView
    receipt: ReceiptView | None


class SettingsView(Out, frozen=True):
    cleanup_mode: CleanUpMode


class NewSettings(In, frozen=True):
    cleanup_mode: CleanUpMode
