"""Binance's futures requests, made by ccxt and read back by `table`."""

from typing import Any

import ccxt

from app.exchanges import binance, binance_check
from app.exchanges.binance_futures.answers import FuturesAnswers
from app.exchanges.binance_futures.table import FuturesTable
from app.exchanges.building import Building
from app.exchanges.capture import Recorder
from app.exchanges.models import CancelTarget, ReadTarget, VenueOrder
from app.exchanges.venues import Venue


class FuturesDialect(Building, FuturesAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row)
        linear = row.product == "linear"
        recorder = Recorder(
            ccxt.binanceusdm if linear else ccxt.binancecoinm,
            venue=row.id,
            origin=str(row.base_url),
            options=binance.options_of(row, "swap"),
            other_hosts=row.other_hosts,
        )
        scheme = binance_check.QuerySignature(row.receive_window_ms)
        self._begin(recorder, FuturesTable(row.product), scheme, tail=binance_check.TAIL)

    def _check_key(self, api_key_id: str) -> None:
        binance_check.check_api_key_id(api_key_id)

    def _order(self, exchange: Any, symbol: str | None, order: VenueOrder) -> object:
        return binance.create_order(exchange, symbol, order)

    def _cancel(self, exchange: Any, symbol: str | None, target: CancelTarget) -> object:
        return exchange.cancel_order(None, symbol, {"origClientOrderId": target.client_order_id})

    def _read(self, exchange: Any, symbol: str | None, target: ReadTarget) -> object:
        if target.kind == "permissions":
            return exchange.sapi_get_account_apirestrictions()
        return binance.read(exchange, symbol, target)
