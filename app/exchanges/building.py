"""The half of a dialect that asks, for every venue whose requests ccxt makes.

Build with ccxt, read back with the venue's own table, and only then give away.
"""

from collections.abc import Callable
from typing import Any

from app.exchanges import readback, saying
from app.exchanges.capture import Recorder
from app.exchanges.errors import RequestMismatch, RequestRefused, VerbUnsupported
from app.exchanges.models import (
    CancelTarget,
    Expected,
    MarketSnapshot,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueOrder,
)
from app.exchanges.readback import Scheme, Table

Call = Callable[[Any, str | None], object]


class Building:
    """Mixed with a venue's answers, this is its dialect. A venue says three calls of ccxt."""

    venue: str
    _reads: frozenset[str] = frozenset(
        {"permissions", "balances", "open_orders", "order", "trades"}
    )

    def _begin(
        self, recorder: Recorder, table: Table, scheme: Scheme, *, tail: bytes = b""
    ) -> None:
        self._recorder = recorder
        self._table = table
        self._scheme = scheme
        self._tail = tail

    # What a venue says -------------------------------------------------------------------------

    def _check_key(self, api_key_id: str) -> None:
        """Raise RequestRefused for a key id that could be more than one header value."""
        raise NotImplementedError

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        raise NotImplementedError

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        raise NotImplementedError

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        raise NotImplementedError

    # What is the same everywhere ---------------------------------------------------------------

    def build_order(
        self, snapshot: MarketSnapshot, api_key_id: str, order: VenueOrder, now_ms: int
    ) -> Unsigned:
        def call(exchange: Any, symbol: str | None) -> object:
            return self._order(exchange, symbol, order)

        return self._build(snapshot, api_key_id, order, now_ms, call)

    def build_cancel(
        self, snapshot: MarketSnapshot, api_key_id: str, target: CancelTarget, now_ms: int
    ) -> Unsigned:
        def call(exchange: Any, symbol: str | None) -> object:
            return self._cancel(exchange, symbol, target)

        return self._build(snapshot, api_key_id, target, now_ms, call)

    def build_read(
        self, snapshot: MarketSnapshot | None, api_key_id: str, target: ReadTarget, now_ms: int
    ) -> Unsigned:
        if target.kind not in self._reads:
            raise VerbUnsupported(rule=target.kind)
        if (snapshot is None) != (target.market is None):
            raise RequestRefused(rule="snapshot")

        def call(exchange: Any, symbol: str | None) -> object:
            return self._read(exchange, symbol, target)

        return self._build(snapshot, api_key_id, target, now_ms, call)

    def check_request(
        self, request: Unsigned | SignedRequest, *, expected: Expected, api_key_id: str, now_ms: int
    ) -> None:
        readback.check(
            request,
            wanted=self._table.wanted_of(expected),
            scheme=self._scheme,
            api_key_id=api_key_id,
            now_ms=now_ms,
            tail=self._tail,
        )

    def _build(
        self,
        snapshot: MarketSnapshot | None,
        api_key_id: str,
        expected: Expected,
        now_ms: int,
        call: Call,
    ) -> Unsigned:
        self._check_key(api_key_id)
        # Refuse what cannot be said before ccxt gets to interpret it.
        if isinstance(expected, VenueOrder):
            self._table.wanted_of(expected)
        request = self._make(snapshot, api_key_id, expected, now_ms, call)
        self.check_request(request, expected=expected, api_key_id=api_key_id, now_ms=now_ms)
        # Not every request names its market (a cancel may not); the snapshot still must be its own.
        if snapshot is not None and expected.market != snapshot.market:
            raise RequestMismatch(rule="market")
        return request

    def _make(
        self,
        snapshot: MarketSnapshot | None,
        api_key_id: str,
        expected: Expected,  # noqa: ARG002 - for a venue that makes its requests without ccxt
        now_ms: int,
        call: Call,
    ) -> Unsigned:
        return self._recorder.record(
            call,
            api_key_id=api_key_id,
            now_ms=now_ms,
            snapshot=(snapshot.market, snapshot.raw) if snapshot else None,
        )


def amounts(order: VenueOrder) -> tuple[str, str | None]:
    """Quantity and price in plain digits."""
    return saying.plain(order.quantity), None if order.price is None else saying.plain(order.price)
