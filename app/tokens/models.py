"""Nodes of the tree, fences, and what a revoke leaves."""

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal
from uuid import UUID

import msgspec

NodeKind = Literal["trader", "device", "session", "platform", "credential", "grant"]
CleanUpMode = Literal["cancel_entries", "cancel_all"]

ROOT_LIFE = timedelta(days=3650)
DEVICE_LIFE = timedelta(days=365)
SESSION_LIFE = timedelta(hours=12)
"""NIST SP 800-63B-4: reauthentication at AAL2 within 24 hours; we ask sooner."""


class Level(IntEnum):
    """Rungs of the containment ladder, as stored. Bigger is tighter."""

    ACTIVE = 0
    REDUCE_ONLY = 1
    CANCEL_ONLY = 2
    READ_ONLY = 3
    FROZEN = 4
    REVOKED = 5


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """`path` runs from the root to the node itself. No secret, no hash of one."""

    trader_id: UUID
    token_id: UUID
    kind: NodeKind
    parent_id: UUID | None
    path: list[UUID]
    jkt: str | None
    scope: list[str]
    label: str
    created_at: datetime
    expires_at: datetime
    networks: list[str]
    version: int


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """What one imposer put on one node."""

    imposed_by: Literal["trader", "operator", "monitor"]
    level: Level
    reason: str
    imposed_at: datetime


class NewNode(msgspec.Struct, frozen=True, kw_only=True):
    """What to mint. `secret_hash` and `jkt` come together or not at all."""

    trader_id: UUID
    token_id: UUID
    kind: NodeKind
    parent_id: UUID | None
    label: str
    expires_at: datetime
    scope: list[str] = []
    secret_hash: bytes | None = None
    jkt: str | None = None
    networks: list[str] = []


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What the database knows about a presented token; every field but the first None if none.

    `expires_at` is the earliest of the path. `networks` has one text for each node of it that
    carries an address list: that list, with commas. `statement` is a platform token's seal.
    """

    proof_is_fresh: bool
    kind: NodeKind | None
    jkt: str | None
    path: list[UUID] | None
    scope: list[str] | None
    expires_at: datetime | None
    level: Level | None
    root_id: UUID | None
    platform_id: UUID | None
    sealed: bool | None
    networks: list[str] | None = None
    statement: str | None = None


class Imposed(msgspec.Struct, frozen=True, kw_only=True):
    """A fence as acknowledged: its place in the trader's locked chain, and its time."""

    log_position: int
    imposed_at: datetime
    effective: Level
    cleanup_deadline_at: datetime


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    trader_id: UUID
    revocation_id: UUID
    token_id: UUID
    path: list[UUID]
    mode: CleanUpMode
    reason: str
    actor: str
    revoked_at: datetime
    log_position: int
    cleanup_deadline_at: datetime
    cleanup_state: Literal["pending", "running", "done"]
    receipt_hash: bytes
    receipt_expires_at: datetime


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation card: what it revokes. Its secret is known to its holder only."""

    trader_id: UUID
    card_id: UUID
    root_id: UUID
