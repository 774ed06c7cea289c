"""The futures table, from Binance's documents "New Order" of USD-M and COIN-M."""

import re

from app.exchanges import binance_check, saying
from app.exchanges.errors import RequestRefused
from app.exchanges.models import CancelTarget, Expected, Product, ReadTarget, VenueOrder
from app.exchanges.readback import Fields, Wanted

_MARKETS = {
    "linear": re.compile(r"[A-Z0-9]{2,20}\Z"),
    "inverse": re.compile(r"[A-Z0-9]{2,20}_PERP\Z"),
}
_PREFIXES = {"linear": "/fapi/v1", "inverse": "/dapi/v1"}
_ACCOUNTS = {"linear": "/fapi/v3/account", "inverse": "/dapi/v1/account"}


class FuturesTable:
    def __init__(self, product: Product) -> None:
        self._prefix, self._account = _PREFIXES[product], _ACCOUNTS[product]
        self._markets = _MARKETS[product]

    def wanted_of(self, expected: Expected) -> Wanted:
        order_path = f"{self._prefix}/order"
        match expected:
            case VenueOrder():
                symbol = self._market(expected.market)
                fields = binance_check.order_of(symbol, expected, answer="RESULT")
                return Wanted(method="POST", path=order_path, place="form", fields=fields)
            case CancelTarget(market=market, client_order_id=client_order_id):
                fields = binance_check.one_order(self._market(market), client_order_id)
                return Wanted(method="DELETE", path=order_path, place="query", fields=fields)
            case ReadTarget():
                path, fields = self._read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)

    def _read(self, target: ReadTarget) -> tuple[str, Fields]:
        match target.kind:
            case "permissions":
                return binance_check.PERMISSIONS, {}
            case "balances":
                return self._account, {}
            case "open_orders":
                one = {"symbol": self._market(target.market)} if target.market else {}
                return f"{self._prefix}/openOrders", one
            case "order":
                symbol = self._market(target.market)
                return (
                    f"{self._prefix}/order",
                    binance_check.one_order(symbol, target.client_order_id),
                )
            case "trades":
                fields = binance_check.trades_of(self._market(target.market), target)
                return f"{self._prefix}/userTrades", fields
            case _:
                raise RequestRefused(rule="kind")

    def _market(self, market: str | None) -> str:
        return saying.matching(self._markets, market, "market")
