"""Bitget's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.bitget.answers import BitgetAnswers, describe
from app.exchanges.bitget.table import BitgetScheme, BitgetTable, check_api_key_id
from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class BitgetDialect(Building, BitgetAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        recorder = Recorder(
            ccxt.bitget,
            venue=row.id,
            origin=str(row.base_url),
            options={"uta": False, "adjustForTimeDifference": False, "timeDifference": 0},
            describe=for_ccxt(describe),
            without_headers=("X-CHANNEL-API-CODE",),  # ccxt's broker tag
            clear="passphrase",
        )
        self._begin(recorder, BitgetTable(), BitgetScheme())

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        quantity, price = amounts(order)
        params = {"clientOid": order.client_order_id}
        if order.time_in_force is not None:
            params["force"] = order.time_in_force.lower()
        return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        return exchange.cancel_order("", symbol, {"clientOid": target.client_order_id})

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        match target.kind:
            case "permissions":
                return exchange.privateSpotGetV2SpotAccountInfo()
            case "balances":
                return exchange.fetch_balance({"type": "spot"})
            case "open_orders":
                return exchange.fetch_open_orders(symbol)
            case "order":
                return exchange.fetch_order("", symbol, {"clientOid": target.client_order_id})
            case _:
                return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
