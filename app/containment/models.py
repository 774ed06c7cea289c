"""What an operator is about to do, who it is about, and what came of it."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.tokens.models import Level

COUNT_CAP = 10_000
"""Counts stop here: how much more it is changes no decision, and costs a scan."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """How many living nodes of a kind."""

    kind: str
    count: int


class TraderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`effective` is the worst rung on the root, whoever imposed it; `ours` the operator's."""

    trader_id: UUID
    root_id: UUID
    platform: str
    level: Level
    reason: str
    actor: str
    effective: Level
    ours: Level
    nodes: list[Node]

    @property
    def changes_nothing(self) -> bool:
        return self.ours >= self.level


class VenuePlan(msgspec.Struct, frozen=True, kw_only=True):
    venue_id: str
    level: Level
    reason: str
    actor: str
    now: Level
    traders: int
    credentials: int
    grants: int
    open_orders: int

    @property
    def changes_nothing(self) -> bool:
        return self.now >= self.level


class Contained(msgspec.Struct, frozen=True, kw_only=True):
    """A fence as acknowledged: its place in the log and how many of a venue's traders were told.

    `position` is None where a rung as tight stood there already.
    """

    position: int | None
    at: datetime | None
    told: int
    drained: bool = True
    """No signature that began before is under way any more."""


class VenueAct(msgspec.Struct, frozen=True, kw_only=True):
    """One act on a venue; `told_at` is None while traders are still to be told."""

    venue_id: str
    containment_id: UUID
    level: Level
    reason: str
    actor: str
    imposed_at: datetime
    told_at: datetime | None


class OperatorFence(msgspec.Struct, frozen=True, kw_only=True):
    trader_id: UUID
    token_id: UUID
    level: Level
    reason: str
    imposed_at: datetime
