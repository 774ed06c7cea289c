"""What goes to a venue and what comes back, in our words."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
Method = Literal["GET", "POST", "DELETE"]
ReadKind = Literal["permissions", "balances", "open_orders", "order", "trades", "delete_key"]
Algorithm = Literal["hmac-sha256", "hmac-sha384", "hmac-sha512", "es256", "bearer"]
"""`es256` is r || s over the message's SHA-256; `bearer` signs nothing (P4's exception)."""
Product = Literal["spot", "linear", "inverse"]
"""`linear` perpetuals settle in the quote currency, `inverse` ones in the base currency."""
Headers = tuple[tuple[str, str], ...]


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order exactly as it must reach the venue.

    `market` is the venue's own id ("BTCUSDT"). `price` and `time_in_force` are set for `limit`
    and None for `market`. `client_order_id` comes from `client_ids.client_order_id`.
    """

    market: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str


class CancelTarget(msgspec.Struct, frozen=True, kw_only=True):
    """The order to cancel, by our own id.

    `venue_order_id` is for venues that cancel by their own id only (Coinbase); others ignore it.
    """

    market: str
    client_order_id: str
    venue_order_id: str | None = None


class ReadTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One private read.

    `market` is needed for `order` and `trades`, optional for `open_orders`; `client_order_id` is
    for `order` only; `since_ms` (Unix milliseconds) and `limit` (1 to 1000) for `trades` only.
    `venue_order_id` is for `order` on venues that know no other id.
    """

    kind: ReadKind
    market: str | None = None
    client_order_id: str | None = None
    since_ms: int | None = None
    limit: int | None = None
    venue_order_id: str | None = None


Expected = VenueOrder | CancelTarget | ReadTarget
"""What a request must turn out to say when it is read back."""


class MarketFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's own limits. None means that the venue sets no such limit.

    Prices and notionals are in the quote currency, quantities in the base currency.
    """

    tick_size: Decimal | None
    min_price: Decimal | None
    max_price: Decimal | None
    step_size: Decimal | None
    min_quantity: Decimal | None
    max_quantity: Decimal | None
    min_notional: Decimal | None
    max_notional: Decimal | None


class MarketSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One market as the venue described it at `as_of`, pinned.

    `raw` is the venue's entry in canonical JSON (RFC 8785): ccxt is fed from it, and its digest
    can be evidence. The other fields are read from `raw` once, by `parse_market`.
    Quantities are in base currency on spot and in contracts elsewhere; `contract_size` is how much
    one contract is, in base currency (`linear`) or in quote currency (`inverse`), None on spot.
    """

    venue: str
    market: str
    base: str
    quote: str
    trading: bool
    order_types: tuple[OrderType, ...]
    filters: MarketFilters
    raw: bytes
    as_of: datetime
    product: Product = "spot"
    settle: str | None = None
    contract_size: Decimal | None = None


class Unsigned(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was read back and agreed with its intent; only the signature is missing.

    `message` is what the HSM signs with `algorithm`. `sentinel` stands in the request where the
    signature goes; `attaching.attach` puts the signature there, exactly once.
    """

    venue: str
    method: Method
    path_and_query: str
    headers: Headers
    body: bytes
    message: bytes
    algorithm: Algorithm
    sentinel: bytes
    clear_sentinel: str = ""


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request anyone could send: a capability, so it has no repr.

    It names no host: `courier` puts the venue's pinned base URL in front of `path_and_query`.
    """

    method: Method
    path_and_query: str
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return "SignedRequest(…)"

    def __rich_repr__(self) -> tuple[()]:  # type: ignore[override]
        return ()


class PublicRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request without a signature or a key."""

    method: Literal["GET"] = "GET"
    path_and_query: str
    headers: Headers = ()
    body: bytes = b""


class VenuePermissions(msgspec.Struct, frozen=True, kw_only=True):
    """The rights of a venue key, all of them on the allow-list.

    `rights` holds the venue's names of what is granted, sorted.
    """

    rights: tuple[str, ...]
    ip_restricted: bool
    created_at: datetime | None
    trading_expires_at: datetime | None


class VenueBalance(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of the account, in units of the asset. Assets that are not listed are zero."""

    asset: str
    free: Decimal
    locked: Decimal


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order in the venue's book.

    `type` is the venue's word in lower case ("limit", "stop_loss_limit", …). `protective` is true
    for stops and take-profits, which `cancel_entries` leaves alone.
    """

    market: str
    venue_order_id: str
    client_order_id: str
    side: Side
    type: str
    protective: bool
    quantity: Decimal
    filled_quantity: Decimal
    price: Decimal | None
    time_in_force: str
    created_at: datetime


class OrderState(Enum):
    """What the venue says became of an order. `UNKNOWN` must be reconciled, never retried."""

    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    amount: Decimal


class OrderOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's answer about one order.

    `venue_code` is the venue's error code where there is one ("-2010", or "http-503").
    `average_price` is in quote per base, None before the first fill. `fees` has one entry per
    asset, only where the answer lists fills.
    """

    state: OrderState
    market: str | None = None
    client_order_id: str | None = None
    venue_order_id: str | None = None
    filled_quantity: Decimal | None = None
    filled_quote: Decimal | None = None
    average_price: Decimal | None = None
    fees: tuple[Fee, ...] = ()
    venue_code: str | None = None


class VenueTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill on the account, ours or not."""

    market: str
    venue_order_id: str
    venue_trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Fee
    executed_at: datetime


class VenueTicker(msgspec.Struct, frozen=True, kw_only=True):
    """Best prices in quote per base. `last` is None where the answer has only the book's top."""

    market: str
    bid: Decimal
    ask: Decimal
    last: Decimal | None
