"""Requests in the Binance spot dialect, made by ccxt and read back by `binance_check`."""

from decimal import Decimal
from typing import Any

import ccxt

from app.exchanges import binance_check
from app.exchanges.binance_answers import BinanceAnswers
from app.exchanges.capture import Recorder
from app.exchanges.errors import RequestRefused, VerbUnsupported
from app.exchanges.models import (
    CancelTarget,
    Expected,
    MarketSnapshot,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueOrder,
)
from app.exchanges.venues import Venue

_ORIGIN = "https://api.binance.com"
"""What ccxt puts in front of a spot path, whatever the venue's row says."""


class BinanceDialect(BinanceAnswers):
    """Both halves of the dialect for one venue row (`binance`, `sandbox`)."""

    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        self._receive_window_ms = row.receive_window_ms
        self._recorder = Recorder(
            ccxt.binance,
            venue=row.id,
            origin=_ORIGIN,
            options={
                "defaultType": "spot",
                "recvWindow": row.receive_window_ms,
                "timeDifference": 0,
                "adjustForTimeDifference": False,
                "fetchCurrencies": False,
                "crossMarginPairsData": [],
                "isolatedMarginPairsData": [],
                "broker": {},
                "newOrderRespType": {"market": "FULL", "limit": "FULL"},
                "fetchOpenOrders": {"warnWithoutSymbol": False},
            },
        )

    def build_order(
        self, snapshot: MarketSnapshot, api_key_id: str, order: VenueOrder, now_ms: int
    ) -> Unsigned:
        binance_check.wanted_of(order)
        quantity, price = _plain(order.quantity), None
        params = {"newClientOrderId": order.client_order_id}
        if order.price is not None:
            price = _plain(order.price)
        if order.time_in_force is not None:
            params["timeInForce"] = order.time_in_force

        def call(exchange: Any, symbol: str | None) -> object:
            return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

        return self._build(snapshot, api_key_id, order, now_ms, call)

    def build_cancel(
        self, snapshot: MarketSnapshot, api_key_id: str, target: CancelTarget, now_ms: int
    ) -> Unsigned:
        params = {"origClientOrderId": target.client_order_id}

        def call(exchange: Any, symbol: str | None) -> object:
            return exchange.cancel_order(None, symbol, params)

        return self._build(snapshot, api_key_id, target, now_ms, call)

    def build_read(
        self, snapshot: MarketSnapshot | None, api_key_id: str, target: ReadTarget, now_ms: int
    ) -> Unsigned:
        if target.kind == "delete_key":
            raise VerbUnsupported(rule="delete_key")
        if (snapshot is None) != (target.market is None):
            raise RequestRefused(rule="snapshot")

        def call(exchange: Any, symbol: str | None) -> object:
            return _read(exchange, symbol, target)

        return self._build(snapshot, api_key_id, target, now_ms, call)

    def check_request(
        self, request: Unsigned | SignedRequest, *, expected: Expected, api_key_id: str, now_ms: int
    ) -> None:
        binance_check.check(
            request,
            expected=expected,
            api_key_id=api_key_id,
            now_ms=now_ms,
            receive_window_ms=self._receive_window_ms,
        )

    def _build(
        self,
        snapshot: MarketSnapshot | None,
        api_key_id: str,
        expected: Expected,
        now_ms: int,
        call: Any,
    ) -> Unsigned:
        binance_check.check_api_key_id(api_key_id)
        request = self._recorder.record(
            call,
            api_key_id=api_key_id,
            now_ms=now_ms,
            snapshot=(snapshot.market, snapshot.raw) if snapshot else None,
        )
        self.check_request(request, expected=expected, api_key_id=api_key_id, now_ms=now_ms)
        return request


def _read(exchange: Any, symbol: str | None, target: ReadTarget) -> object:
    match target.kind:
        case "permissions":
            return exchange.sapi_get_account_apirestrictions()
        case "balances":
            return exchange.fetch_balance()
        case "open_orders":
            return exchange.fetch_open_orders(symbol)
        case "order":
            return exchange.fetch_order(None, symbol, {"origClientOrderId": target.client_order_id})
        case "trades":
            return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
        case _:
            raise VerbUnsupported(rule=target.kind)


def _plain(amount: Decimal) -> str:
    """Digits and at most one point; ccxt would read "1E+2" its own way."""
    if not amount.is_finite() or amount <= 0:
        raise RequestRefused(rule="amount")
    return format(amount, "f")
