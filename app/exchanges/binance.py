"""Requests in the Binance spot dialect, made by ccxt and read back by `binance_check`."""

from typing import Any

import ccxt

from app.exchanges import binance_check
from app.exchanges.binance_answers import BinanceAnswers
from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.venues import Venue

_ORIGIN = "https://api.binance.com"
"""What ccxt puts in front of a spot path, whatever the venue's row says."""
_AMERICAN_ORIGIN = "https://api.binance.us"


class BinanceDialect(Building, BinanceAnswers):
    """Both halves of the dialect for one venue row (`binance`, `sandbox`, `binance-us`)."""

    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        american = row.id == "binance-us"
        recorder = Recorder(
            ccxt.binanceus if american else ccxt.binance,
            venue=row.id,
            origin=_AMERICAN_ORIGIN if american else _ORIGIN,
            options=options_of(row, "spot"),
        )
        scheme = binance_check.QuerySignature(row.receive_window_ms)
        self._begin(recorder, binance_check.SpotTable(), scheme, tail=binance_check.TAIL)
        if american:  # no call there tells the rights of a key
            self._reads = self._reads - {"permissions"}

    def _check_key(self, api_key_id: str) -> None:
        binance_check.check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        return create_order(exchange, symbol, order)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        return exchange.cancel_order(None, symbol, {"origClientOrderId": target.client_order_id})

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        if target.kind == "permissions":
            return exchange.sapi_get_account_apirestrictions()
        return read(exchange, symbol, target)


def options_of(row: Venue, kind: str) -> dict[str, Any]:
    """Options that leave ccxt nothing to ask, to adjust or to add."""
    return {
        "defaultType": kind,
        "recvWindow": row.receive_window_ms,
        "timeDifference": 0,
        "adjustForTimeDifference": False,
        "fetchCurrencies": False,
        "crossMarginPairsData": [],
        "isolatedMarginPairsData": [],
        "broker": {},
        "newOrderRespType": {"market": "FULL", "limit": "FULL"},
        "fetchOpenOrders": {"warnWithoutSymbol": False},
    }


def create_order(exchange: Any, symbol: str | None, order: VenueOrder) -> object:
    quantity, price = amounts(order)
    params = {"newClientOrderId": order.client_order_id}
    if order.time_in_force is not None:
        params["timeInForce"] = order.time_in_force
    return exchange.create_order(symbol, order.type, order.side, quantity, price, params)


def read(exchange: Any, symbol: str | None, target: ReadTarget) -> object:
    match target.kind:
        case "balances":
            return exchange.fetch_balance()
        case "open_orders":
            return exchange.fetch_open_orders(symbol)
        case "order":
            return exchange.fetch_order(None, symbol, {"origClientOrderId": target.client_order_id})
        case _:
            return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
