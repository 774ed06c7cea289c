"""OKX's requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges.building import Building, amounts
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.okx.answers import OkxAnswers, describe
from app.exchanges.okx.table import OkxScheme, OkxTable, check_api_key_id
from app.exchanges.pinning import for_ccxt
from app.exchanges.venues import Venue


class OkxDialect(Building, OkxAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        recorder = Recorder(
            ccxt.okx,
            venue=row.id,
            origin=str(row.base_url),
            options={
                "createOrder": "privatePostTradeOrder",  # one order, not a batch of one
                "adjustForTimeDifference": False,
                "timeDifference": 0,
                "brokerId": "",  # ccxt's tag, which it adds where no client id is given
            },
            describe=for_ccxt(describe),
            clear="passphrase",
        )
        self._begin(recorder, OkxTable(), OkxScheme())

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        quantity, price = amounts(order)
        params = {"clOrdId": order.client_order_id, "tdMode": "cash", "tgtCcy": "base_ccy"}
        if order.time_in_force in {"IOC", "FOK"}:
            params["timeInForce"] = order.time_in_force
        return exchange.create_order(symbol, order.type, order.side, quantity, price, params)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        return exchange.cancel_order(None, symbol, {"clOrdId": target.client_order_id})

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        match target.kind:
            case "permissions":
                return exchange.privateGetAccountConfig()
            case "balances":
                return exchange.fetch_balance()
            case "open_orders":
                return exchange.fetch_open_orders(symbol, None, None, {"instType": "SPOT"})
            case "order":
                return exchange.fetch_order(None, symbol, {"clOrdId": target.client_order_id})
            case _:
                # ccxt drops a limit that is given as such.
                params = {} if target.limit is None else {"limit": str(target.limit)}
                return exchange.fetch_my_trades(symbol, target.since_ms, None, params)
