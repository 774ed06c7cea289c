"""Shapes of the look at a narrowing before it is signed."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from app.api.shapes import In, Out
from app.api.shapes_ladder import OpenOrders, RungWord, Unprotected
from app.api.shapes_tree import LimitsView
from app.core.statements import NarrowLimits

Becomes = Literal["unchanged", "limited", "places_no_orders", "dead"]


class PlannedNarrowing(In, frozen=True):
    """The limits as the phone would sign them; what is not named stays."""

    limits: NarrowLimits


class NarrowedNode(Out, frozen=True):
    """A node at or below the one asked about. `fields` are those in force that become less.

    `dead`: no address or no scope is left, or two limits on the path exclude each other.
    `places_no_orders`: a bot that reads and cancels, and no more. `after` is None of the dead.
    """

    token_id: UUID
    kind: str
    parent_id: UUID | None
    label: str
    state: RungWord
    becomes: Becomes
    fields: list[str]
    after: LimitsView | None


class LeaseView(Out, frozen=True):
    """`seen_at`: when a device of the trader was last seen by a tap; None is never.

    `runs_out_at` None: it has run out, and the bot places nothing until the next tap.
    """

    hours: int
    seen_at: datetime | None
    runs_out_at: datetime | None


class NarrowingRadius(Out, frozen=True):
    """What less for a node would do. Totals are exact up to 10,000, then `10000+`.

    `closed_markets` are those in which nothing at or below the node may place an order any more,
    and could before; `without_stop` are holdings in these. Narrowing cancels nothing: what rests
    at the venue stays there. An order that waits for a person is measured again when it is
    approved. `lease` is there where one is named.
    """

    token_id: UUID
    version: int
    total: str
    counts: dict[str, int]
    nodes: list[NarrowedNode]
    open_orders: list[OpenOrders]
    open_orders_total: str
    closed_markets: list[str]
    without_stop: list[Unprotected]
    without_stop_more: bool
    stop_means: str
    lease: LeaseView | None
    as_of: datetime
    cursor: str | None = None
