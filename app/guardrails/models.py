"""What a guardrail decision looks at, and what it says. All money is Decimal, never float."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from app.guardrails.rungs import Rung

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market"]
TimeInForce = Literal["GTC", "IOC", "FOK"]


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount in units of one quote currency ("USDT")."""

    amount: Decimal
    quote: str


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True):
    """An order without identity: what is asked, what is shown, what is sent.

    `market` is the venue's own id. `asked_as` is "market" when this limit order was made from a
    market order (see `rules.decide`); a bot cannot set it.
    """

    market: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    asked_as: OrderType | None = None


class NodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one node of the path. An empty tuple allows nothing.

    `max_order` bounds one order's notional, `allocation` the sum over the window, `free_limit` is
    the notional of one order up to which no approval is needed.
    """

    node_id: UUID
    markets: tuple[str, ...]
    order_types: tuple[OrderType, ...] = ("limit", "market")
    sides: tuple[Side, ...] = ("buy", "sell")
    max_order: Money
    allocation: Money
    free_limit: Money
    expires_at: datetime | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that limits an order.

    `nodes` are the nodes of the path that carry limits, in any order; none at all refuses. The
    percentages are of the best price: `collar_percent`
    bounds what a market order may pay, `limit_band_percent` how far through the book's top a limit
    order may reach.
    """

    nodes: tuple[NodeLimits, ...]
    collar_percent: Decimal = Decimal(1)
    limit_band_percent: Decimal = Decimal(10)


class NodeUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Notional one node has used in the window, in `quote`: reserved by open and undecided
    orders, and filled.
    """

    node_id: UUID
    quote: str
    reserved: Decimal
    filled: Decimal


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A base asset held on the venue at `as_of`.

    `pending_sell` is what our own sells since then may still take away from `free`.
    """

    asset: str
    free: Decimal
    pending_sell: Decimal
    as_of: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is true under the trader lock: the worst rung on the path and the node that has it,
    the usage of every policy node, and holdings (needed on `reduce_only` only).
    """

    rung: Rung
    rung_node: UUID | None = None
    usage: tuple[NodeUsage, ...]
    holdings: tuple[Holding, ...] = ()


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """One market: best prices at `as_of` and the venue's filters (None = no such filter).

    Prices and notionals in quote currency, quantities in base currency.
    """

    market: str
    base: str
    quote: str
    trading: bool
    bid: Decimal
    ask: Decimal
    last: Decimal | None = None
    as_of: datetime
    tick_size: Decimal | None
    min_price: Decimal | None
    max_price: Decimal | None
    step_size: Decimal | None
    min_quantity: Decimal | None
    max_quantity: Decimal | None
    min_notional: Decimal | None
    max_notional: Decimal | None


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """`order` may go out as it stands here. `notional` is what to reserve on every node."""

    order: OrderTerms
    notional: Money


class RequireApproval(msgspec.Struct, frozen=True, kw_only=True):
    """`order`, exactly as it stands here, may go out after an approval; how strong a one, the
    trader's policy says.

    `node_id` is a node whose free limit is exceeded.
    """

    order: OrderTerms
    notional: Money
    node_id: UUID


Verdict = Permit | RequireApproval
