"""Kraken's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.kraken.answers import KrakenAnswers, describe
from app.exchanges.kraken.table import KrakenScheme, KrakenTable, check_api_key_id, wire_id
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class KrakenDialect(Building, KrakenAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        recorder = Recorder(
            ccxt.kraken,
            venue=row.id,
            origin=str(row.base_url),
            options={"adjustForTimeDifference": False},
            describe=for_ccxt(describe),
        )
        self._begin(recorder, KrakenTable(), KrakenScheme())

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
            case "permissions":
                return exchange.privatePostGetApiKeyInfo()
            case "balances":
                return exchange.fetch_balance()
            case "open_orders":
                return exchange.fetch_open_orders(symbol)
            case "order":
                wire = wire_id(target.client_order_id)
                return exchange.privatePostClosedOrders({"cl_ord_id": wire})
            case _:
                return exchange.fetch_my_trades(symbol, target.since_ms)
