"""What is known of an order, and of the work a revoke leaves behind."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec


class OrderState(StrEnum):
    """`released` is signed and handed over; `unknown` means that the venue must be asked."""

    REFUSED = "refused"
    HELD = "held"
    EXPIRED = "expired"
    RELEASED = "released"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


IN_DOUBT = frozenset({OrderState.RELEASED, OrderState.UNKNOWN})
"""Signed, and no clear word from the venue yet."""

AT_VENUE = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})

FINAL = frozenset(OrderState) - IN_DOUBT - AT_VENUE - {OrderState.HELD}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order without its signed statement.

    `quantity` and `filled_quantity` are in the base asset, `price` in quote per base, `notional`
    in `quote`: what was reserved when it was signed. Market fields are None on a refusal that
    came before the intent could be read.
    """

    trader_id: UUID
    order_id: UUID
    grant_id: UUID
    credential_id: UUID
    sequence: int
    venue_id: str
    market: str | None
    side: str | None
    order_type: str | None
    quantity: Decimal | None
    price: Decimal | None
    time_in_force: str | None
    notional: Decimal | None
    quote: str | None
    client_order_id: str
    approval_id: UUID | None
    state: OrderState
    rule: str | None
    request_digest: bytes | None
    venue_order_id: str | None
    filled_quantity: Decimal
    venue_code: str | None
    created_at: datetime
    released_at: datetime | None
    outcome_at: datetime | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue said of one order. None means: nothing said of it."""

    state: OrderState
    venue_order_id: str | None = None
    filled_quantity: Decimal | None = None
    venue_code: str | None = None


class ItemKind(StrEnum):
    CANCEL = "cancel"
    DELETE_KEY = "delete_key"


class ItemState(StrEnum):
    """`unconfirmed`: the time limit came first; a person has to look at the venue."""

    PENDING = "pending"
    DONE = "done"
    UNSUPPORTED = "unsupported"
    UNCONFIRMED = "unconfirmed"


class CleanUpItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to undo at a venue. `order_id` is set for a cancel only."""

    trader_id: UUID
    revocation_id: UUID
    item_no: int
    kind: ItemKind
    credential_id: UUID
    order_id: UUID | None
    state: ItemState
    attempts: int
    due_at: datetime
    last_outcome: str | None
