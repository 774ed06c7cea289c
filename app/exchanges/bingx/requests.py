"""BingX's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.bingx.answers import BingxAnswers, describe
from app.exchanges.bingx.table import TAIL, BingxScheme, BingxTable, check_api_key_id, wire_id
from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class BingxDialect(Building, BingxAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        recorder = Recorder(
            ccxt.bingx,
            venue=row.id,
            origin=str(row.base_url),
            options={"adjustForTimeDifference": False, "timeDifference": 0},
            describe=for_ccxt(describe),
            without_headers=("X-SOURCE-KEY",),  # ccxt's broker tag
        )
        self._begin(recorder, BingxTable(), BingxScheme(), tail=TAIL)

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        quantity, price = amounts(order)
        params = {"newClientOrderId": wire_id(order.client_order_id)}
        if order.time_in_force is not None:
            params["timeInForce"] = order.time_in_force
        return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        params = {"clientOrderID": wire_id(target.client_order_id)}
        return exchange.cancel_order(None, symbol, params)

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        match target.kind:
            case "permissions":
                return exchange.accountV1PrivateGetAccountApiPermissions()
            case "balances":
                return exchange.fetch_balance({"type": "spot"})
            case "open_orders":
                return exchange.fetch_open_orders(symbol, None, None, {"type": "spot"})
            case "order":
                wire = wire_id(target.client_order_id)
                return exchange.spotV1PrivateGetTradeQuery(
                    {"symbol": target.market, "clientOrderID": wire}
                )
            case _:
                return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
