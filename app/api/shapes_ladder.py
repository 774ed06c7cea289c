"""Shapes of the ladder, of blast radius and of leases."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from app.api.shapes import In, Jws, Out
from app.api.shapes_tree import NodeView

RungWord = Literal["active", "reduce_only", "cancel_only", "read_only", "frozen", "revoked"]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ChangeState(In, frozen=True):
    state: RungWord
    reason: Reason


class StateChanged(Out, frozen=True):
    """`state` is effective: it may be tighter than what was asked. `position` is in the log."""

    token_id: UUID
    state: RungWord
    position: int
    imposed_at: datetime
    revocation_id: UUID | None = None


class FenceView(Out, frozen=True):
    """Who holds the node: on itself, or (`token_id`) on an ancestor."""

    token_id: UUID
    imposed_by: Literal["trader", "operator", "monitor"]
    state: RungWord
    reason: str
    imposed_at: datetime
    position: int


class StateView(Out, frozen=True):
    """`state` is the worst of `fences`; `allowed` is its column of the ladder."""

    token_id: UUID
    state: RungWord
    fences: list[FenceView]
    allowed: list[str]


class AskLift(In, frozen=True):
    state: Literal["active", "reduce_only", "cancel_only", "read_only"] = "active"


class LiftAsked(Out, frozen=True):
    approval_id: UUID
    token_id: UUID
    from_state: RungWord
    to_state: RungWord
    expires_at: datetime


class NewHeartbeat(In, frozen=True):
    statement: Jws


class HeartbeatSeen(Out, frozen=True):
    """Leases of this trader's bots count from `seen_at`."""

    device_id: UUID
    seen_at: str


class AffectedNode(NodeView, frozen=True):
    """A node at or below the one asked about; `becomes` is its rung afterwards."""

    becomes: RungWord


class OpenOrders(Out, frozen=True):
    """Orders placed through Tripcord that are alive, or may be.

    `then`: `cancelled` by the clean-up of a revoke, `refused` when they come to be carried out,
    or `stays` at the venue.
    """

    venue: str
    market: str | None
    side: str | None
    state: str
    count: int
    quantity: str
    then: Literal["cancelled", "refused", "stays"]


class Unprotected(Out, frozen=True):
    """A held asset of which more is held than resting stop orders would sell.

    `selling` rests in sell orders that are no stops. Without `markets` no market of the asset is
    known here, so nothing can be said to protect it.
    """

    credential_id: UUID
    venue: str
    asset: str
    held: str
    stopped: str
    selling: str
    unprotected: str
    markets: list[str]
    as_of: datetime
    orders_as_of: datetime | None
    stale: bool


class BlastRadius(Out, frozen=True):
    """What `to` would do to a node. Totals are exact up to 10,000, then `10000+`.

    `loses` are the verbs of the ladder that go; `counts` is by kind, of the nodes counted.
    """

    token_id: UUID
    state: RungWord
    to: RungWord
    loses: list[str]
    total: str
    counts: dict[str, int]
    nodes: list[AffectedNode]
    open_orders: list[OpenOrders]
    open_orders_total: str
    without_stop: list[Unprotected]
    without_stop_more: bool
    stop_means: str
    as_of: datetime
    cursor: str | None = None
