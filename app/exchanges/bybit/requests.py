"""Bybit's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.building import Building, amounts
from app.exchanges.bybit.answers import BybitAnswers
from app.exchanges.bybit.table import MAX_OPEN_ORDERS, BybitScheme, BybitTable, check_api_key_id
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class BybitDialect(Building, BybitAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row)
        recorder = Recorder(
            ccxt.bybit,
            venue=row.id,
            origin=str(row.base_url),
            options={
                "recvWindow": row.receive_window_ms,
                "enableUnifiedAccount": True,
                "enableUnifiedMargin": False,
                "adjustForTimeDifference": False,
                "timeDifference": 0,
            },
            describe=for_ccxt(self._describe),
            without_headers=("Referer",),  # ccxt's broker tag
        )
        table = BybitTable(row.product, row.settles_in)
        self._begin(recorder, table, BybitScheme(row.receive_window_ms))

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        quantity, price = amounts(order)
        params = {"orderLinkId": order.client_order_id}
        if order.time_in_force is not None:
            params["timeInForce"] = order.time_in_force
        return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        return exchange.cancel_order(None, symbol, {"orderLinkId": target.client_order_id})

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        match target.kind:
            case "permissions":
                return exchange.privateGetV5UserQueryApi()
            case "balances":
                return exchange.fetch_balance({"type": "unified"})
            case "open_orders":
                if symbol is not None:
                    return exchange.fetch_open_orders(symbol, None, MAX_OPEN_ORDERS)
                # ccxt's own method would ask for USDT-settled orders in every category.
                of: dict[str, Any] = {"category": self._row.product, "limit": MAX_OPEN_ORDERS}
                if self._row.settles_in:
                    of["settleCoin"] = self._row.settles_in
                return exchange.privateGetV5OrderRealtime(of)
            case "order":
                return exchange.privateGetV5OrderRealtime(
                    {
                        "category": self._row.product,
                        "symbol": target.market,
                        "orderLinkId": target.client_order_id,
                    }
                )
            case _:
                return exchange.fetch_my_trades(symbol, target.since_ms, target.limit)
