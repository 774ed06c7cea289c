"""The futures table, from Binance's documents "New Order" of USD-M and COIN-M."""

import re

from app.exchanges import saying
from app.exchanges.errors import RequestRefused
from app.exchanges.models import CancelTarget, Expected, Product, ReadTarget, VenueOrder
from app.exchanges.readback import Fields, Wanted

_MARKETS = {
    "linear": re.compile(r"[A-Z0-9]{2,20}\Z"),
    "inverse": re.compile(r"[A-Z0-9]{2,20}_PERP\Z"),
}
_PREFIXES = {"linear": "/fapi/v1", "inverse": "/dapi/v1"}
_ACCOUNTS = {"linear": "/fapi/v3/account", "inverse": "/dapi/v1/account"}
PERMISSIONS = "/sapi/v1/account/apiRestrictions"
_MAX_TRADES = 1000


class FuturesTable:
    def __init__(self, product: Product) -> None:
        self._prefix, self._account = _PREFIXES[product], _ACCOUNTS[product]
        self._markets = _MARKETS[product]

    def wanted_of(self, expected: Expected) -> Wanted:
        order_path = f"{self._prefix}/order"
        match expected:
            case VenueOrder():
                fields = self._order(expected)
                return Wanted(method="POST", path=order_path, place="form", fields=fields)
            case CancelTarget(market=market, client_order_id=client_order_id):
                fields = self._one(market, client_order_id)
                return Wanted(method="DELETE", path=order_path, place="query", fields=fields)
            case ReadTarget():
                path, fields = self._read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)

    def _order(self, order: VenueOrder) -> Fields:
        fields = {
            "symbol": self._market(order.market),
            "side": order.side.upper(),
            "type": order.type.upper(),
            "quantity": order.quantity,
            "newClientOrderId": saying.client_id(order.client_order_id),
            "newOrderRespType": "RESULT",
        }
        saying.check_shape(order)
        if order.type == "limit":
            fields |= {"price": order.price, "timeInForce": order.time_in_force}
        return fields

    def _read(self, target: ReadTarget) -> tuple[str, Fields]:
        match target.kind:
            case "permissions":
                return PERMISSIONS, {}
            case "balances":
                return self._account, {}
            case "open_orders":
                one = {"symbol": self._market(target.market)} if target.market else {}
                return f"{self._prefix}/openOrders", one
            case "order":
                one = self._one(target.market, target.client_order_id)
                return f"{self._prefix}/order", one
            case "trades":
                fields = {"symbol": self._market(target.market)}
                if target.since_ms is not None:
                    fields["startTime"] = str(target.since_ms)
                if saying.trade_limit(target, _MAX_TRADES) is not None:
                    fields["limit"] = str(target.limit)
                return f"{self._prefix}/userTrades", fields
            case _:
                raise RequestRefused(rule="kind")

    def _one(self, market: str | None, client_order_id: str | None) -> dict[str, str]:
        return {
            "symbol": self._market(market),
            "origClientOrderId": saying.client_id(client_order_id),
        }

    def _market(self, market: str | None) -> str:
        return saying.matching(self._markets, market, "market")
