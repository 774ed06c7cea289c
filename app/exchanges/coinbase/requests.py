"""Coinbase's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.coinbase.answers import CoinbaseAnswers, describe
from app.exchanges.coinbase.table import CoinbaseScheme, CoinbaseTable, check_api_key_id, wire_id
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class CoinbaseDialect(Building, CoinbaseAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        origin = str(row.base_url)
        recorder = Recorder(
            ccxt.coinbase,
            venue=row.id,
            origin=origin,
            options={"adjustForTimeDifference": False, "timeDifference": 0},
            describe=for_ccxt(describe),
        )
        scheme = CoinbaseScheme(origin.removeprefix("https://"))
        self._begin(recorder, CoinbaseTable(), scheme)

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        quantity, price = amounts(order)
        # ccxt would make an id that begins with its own name.
        params = {"client_order_id": wire_id(order.client_order_id)}
        if order.time_in_force is not None:
            params["timeInForce"] = order.time_in_force
        return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        return exchange.cancel_order(target.venue_order_id, symbol)

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        match target.kind:
            case "permissions":
                return exchange.v3PrivateGetBrokerageKeyPermissions()
            case "balances":
                return exchange.fetch_balance({"v3": True})
            case "open_orders":
                return exchange.fetch_open_orders(symbol)
            case "order":
                return exchange.fetch_order(target.venue_order_id, symbol)
            case _:
                return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
