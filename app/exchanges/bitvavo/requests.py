"""Bitvavo's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.bitvavo.answers import BitvavoAnswers, describe
from app.exchanges.bitvavo.table import (
    OPERATOR_ID,
    BitvavoScheme,
    BitvavoTable,
    check_api_key_id,
    wire_id,
)
from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class BitvavoDialect(Building, BitvavoAnswers):
    _reads = frozenset({"balances", "open_orders", "order", "trades"})

    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        recorder = Recorder(
            ccxt.bitvavo,
            venue=row.id,
            origin=str(row.base_url),
            options={
                "recvWindow": str(row.receive_window_ms),
                "operatorId": str(OPERATOR_ID),
                "adjustForTimeDifference": False,
            },
            describe=for_ccxt(describe),
        )
        self._begin(recorder, BitvavoTable(), BitvavoScheme(row.receive_window_ms))

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        quantity, price = amounts(order)
        params = {"clientOrderId": wire_id(order.client_order_id)}
        if order.time_in_force is not None:
            params["timeInForce"] = order.time_in_force
        return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        params = {"clientOrderId": wire_id(target.client_order_id)}
        return exchange.cancel_order(None, symbol, params)

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        match target.kind:
            case "balances":
                return exchange.fetch_balance()
            case "open_orders":
                return exchange.fetch_open_orders(symbol)
            case "order":
                params = {"clientOrderId": wire_id(target.client_order_id)}
                return exchange.fetch_order(None, symbol, params)
            case _:
                return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
