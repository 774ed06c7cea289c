"""The two halves of a dialect: requests (signer) and answers (courier)."""

from datetime import datetime
from typing import Literal, Protocol

from app.exchanges.models import (
    CancelTarget,
    Expected,
    MarketSnapshot,
    OpenOrder,
    OrderOutcome,
    PublicRequest,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueBalance,
    VenueOrder,
    VenuePermissions,
    VenueTicker,
    VenueTrade,
)

Verb = Literal["order", "cancel", "status"]


class Requests(Protocol):
    """Builds private requests. Synchronous, about 0.2 ms each, safe on one event loop.

    Every `build_*` reads its own result back with `check_request` before it returns it.
    `now_ms` is the time in Unix milliseconds that the venue will see.

    Raises
    ------
    RequestRefused
        ccxt refused, wanted more than one request or another signature.
    RequestMismatch
        The request does not say what was asked for.
    VerbUnsupported
        The venue has no such call.
    """

    venue: str

    def build_order(
        self, snapshot: MarketSnapshot, api_key_id: str, order: VenueOrder, now_ms: int
    ) -> Unsigned: ...

    def build_cancel(
        self, snapshot: MarketSnapshot, api_key_id: str, target: CancelTarget, now_ms: int
    ) -> Unsigned: ...

    def build_read(
        self, snapshot: MarketSnapshot | None, api_key_id: str, target: ReadTarget, now_ms: int
    ) -> Unsigned:
        """`snapshot` is needed when `target.market` is set."""

    def check_request(
        self, request: Unsigned | SignedRequest, *, expected: Expected, api_key_id: str, now_ms: int
    ) -> None:
        """Read the request back and compare it with `expected`, or raise RequestMismatch."""


class Answers(Protocol):
    """Reads what a venue said: HTTP status and body in, our words out.

    Raises
    ------
    VenueAnswerUnknown
        From every `parse_*` except `parse_outcome`, which says `unknown` instead.
    """

    venue: str

    def parse_outcome(self, status: int, body: bytes, *, verb: Verb = "order") -> OrderOutcome:
        """Outcome of an order from the answer to placing, cancelling or asking for it.

        Only a refused `order` is `rejected`: a refused cancel or status read says nothing about
        the order, so it is `unknown` with the venue's code.
        """

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        """Rights of the key; raises PermissionsRefused with the name of the first wrong right."""

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]: ...

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]: ...

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]: ...

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker: ...

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        """Pin one market from the answer to `market_request`."""

    def ticker_request(self, market: str) -> PublicRequest: ...

    def market_request(self, market: str) -> PublicRequest: ...


class Dialect(Requests, Answers, Protocol):
    """Both halves, for the signer and for tests."""
