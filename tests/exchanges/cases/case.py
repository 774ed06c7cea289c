"""What the tests of every venue need to know of it.

`Plain` is ccxt as it comes, with the secret in memory, its own signature and markets that it parsed
by itself; nothing of it is replaced but the clock, the wire and its choice of random bytes.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.core.secret import Secret
from app.exchanges.answers import answers_of
from app.exchanges.attaching import attach
from app.exchanges.client_ids import order_id_of
from app.exchanges.dialect import Dialect, Verb
from app.exchanges.models import (
    CancelTarget,
    Expected,
    MarketSnapshot,
    OpenOrder,
    OrderState,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueBalance,
    VenueOrder,
    VenueTicker,
    VenueTrade,
)
from app.exchanges.registry import dialect_of

NOW_MS = 1_763_600_000_123
AS_OF = datetime(2025, 11, 20, 1, 2, 3, tzinfo=UTC)
CLIENT_ID = "tc01kA9ZbQ7rYx2LmN3pQ4sT"
_ORDER_ID = order_id_of(CLIENT_ID)
assert _ORDER_ID is not None
CLIENT_UUID: UUID = _ORDER_ID

Theirs = Callable[[Any], object]
"""The same thing, asked of plain ccxt."""


class Seen(BaseException):
    """The request plain ccxt was about to send."""

    def __init__(self, url: str, method: str, headers: dict[str, str], body: str | None) -> None:
        super().__init__()
        self.url, self.method, self.headers, self.body = url, method, headers, body


class _Plain:
    answering: Any = None

    def milliseconds(self) -> int:
        return NOW_MS

    def seconds(self) -> int:
        return NOW_MS // 1000

    def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Any:
        if self.answering is not None:
            return self.answering
        raise Seen(url, method, headers or {}, body)


def plain(base: type[Any], market_answer: Any, **config: Any) -> Any:
    """Plain ccxt that has read `market_answer` with its own parser."""
    exchange: Any = type("Plain" + base.__name__, (_Plain, base), {})(
        {"enableRateLimit": False, **config}
    )
    exchange.answering = market_answer
    exchange.set_markets(exchange.fetch_markets())
    exchange.answering = None
    return exchange


Outcome = tuple[Verb, int, Any, OrderState, str | None]
"""Verb, status and body of an answer, the state it means, and the venue's code or our own id."""


class Samples(msgspec.Struct, kw_only=True):
    """Answers as the venue's documents print them, and what they must be read as.

    `rights` makes the answer about a key from the names of its rights.
    """

    rights: Callable[[list[str]], Any] | None
    needed: list[str]
    allowed: list[str]
    refused: list[str]
    balances: tuple[Any, list[VenueBalance]]
    open_orders: tuple[Any, list[OpenOrder]]
    trades: tuple[Any, list[VenueTrade]]
    ticker: tuple[Any, VenueTicker]
    outcomes: Sequence[Outcome]


class Case(msgspec.Struct, kw_only=True):
    """One venue. `entry` is its raw market, `answer` wraps one as `market_request` is answered."""

    venue_id: str
    origin: str
    other_origins: tuple[tuple[str, str], ...] = ()
    api_key_id: str
    secret: bytes
    algorithm: str
    clear: str | None = None
    market: str
    entry: dict[str, Any]
    other: dict[str, Any]
    other_market: str
    coarser: Callable[[dict[str, Any]], list[dict[str, Any]]]
    """The entry with its price step, then its quantity step, made too coarse for the orders."""
    answer: Callable[[dict[str, Any]], Any]
    plain: Callable[[], Any] | None
    """None where ccxt does not know the venue."""
    broker_headers: tuple[str, ...] = ()
    quantity: str = "0.01"
    price: str = "50000.5"
    orders: Sequence[tuple[dict[str, Any], Theirs]]
    cancel: Theirs
    venue_order_id: str | None = None
    reads: Sequence[tuple[ReadTarget, Theirs]]
    samples: Samples
    loose: Callable[[SignedRequest], tuple[str, ...]] = lambda _: ()
    """What else may differ in a signed request: a nonce that only the signature covers."""

    @property
    def dialect(self) -> Dialect:
        return dialect_of(self.venue_id)

    def snapshot(self, entry: dict[str, Any] | None = None, market: str = "") -> MarketSnapshot:
        body = json.dumps(self.answer(entry or self.entry)).encode()
        return answers_of(self.venue_id).parse_market(
            200, body, market=market or self.market, as_of=AS_OF
        )

    def order(self, **changes: Any) -> VenueOrder:
        fields: dict[str, Any] = {
            "market": self.market,
            "side": "buy",
            "type": "limit",
            "quantity": Decimal(self.quantity),
            "price": Decimal(self.price),
            "time_in_force": "GTC",
            "client_order_id": CLIENT_ID,
        }
        if changes.get("type") == "market":
            fields |= {"price": None, "time_in_force": None}
        return VenueOrder(**(fields | changes))

    @property
    def target(self) -> CancelTarget:
        return CancelTarget(
            market=self.market, client_order_id=CLIENT_ID, venue_order_id=self.venue_order_id
        )

    def build(self, expected: Expected, snapshot: MarketSnapshot | None = None) -> Unsigned:
        pinned = snapshot or self.snapshot()
        match expected:
            case VenueOrder():
                return self.dialect.build_order(pinned, self.api_key_id, expected, NOW_MS)
            case CancelTarget():
                return self.dialect.build_cancel(pinned, self.api_key_id, expected, NOW_MS)
            case ReadTarget(market=market):
                return self.dialect.build_read(
                    pinned if market else None, self.api_key_id, expected, NOW_MS
                )

    def everything(self) -> list[tuple[Expected, Theirs]]:
        """Every request of this venue, with what plain ccxt is asked for the same."""
        return [
            *((self.order(**changes), theirs) for changes, theirs in self.orders),
            (self.target, self.cancel),
            *self.reads,
        ]

    def check(self, request: Unsigned | SignedRequest, expected: Expected) -> None:
        self.dialect.check_request(
            request, expected=expected, api_key_id=self.api_key_id, now_ms=NOW_MS
        )

    def sign(self, unsigned: Unsigned) -> bytes:
        """What the HSM would answer, from a secret these tests do hold."""
        if unsigned.algorithm == "bearer":
            return b""
        if unsigned.algorithm == "es256":
            return ec_sign(self.secret, unsigned.message)
        name = unsigned.algorithm.removeprefix("hmac-")
        return hmac.digest(self.secret, unsigned.message, getattr(hashlib, name))

    def signed(self, unsigned: Unsigned, signature: bytes | None = None) -> SignedRequest:
        clear = None if self.clear is None else Secret(self.clear.encode())
        return attach(unsigned, self.sign(unsigned) if signature is None else signature, clear)


def ec_sign(pem: bytes, message: bytes) -> bytes:
    """r || s over P-256, as the HSM answers."""
    key: Any = load_pem_private_key(pem, None)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def seen(exchange: Any, theirs: Theirs) -> Seen:
    """The request plain ccxt makes."""
    try:
        theirs(exchange)
    except Seen as request:
        return request
    raise AssertionError("plain ccxt made no request")
