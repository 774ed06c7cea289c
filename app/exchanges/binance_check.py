"""Binance's spot table: what an intent is called there, and how Binance knows who asks.

The same words serve Binance.US and, under another path, the futures interfaces.
"""

import re

from app.exchanges import readback, saying
from app.exchanges.errors import RequestRefused
from app.exchanges.models import (
    Algorithm,
    CancelTarget,
    Expected,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueOrder,
)
from app.exchanges.readback import Facts, Fields, Wanted

TAIL = b"&signature="
PERMISSIONS = "/sapi/v1/account/apiRestrictions"
_API_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_MARKET = re.compile(r"[A-Z0-9]{2,20}\Z")
_FORM = "application/x-www-form-urlencoded"
_MAX_TRADES = 1000


class QuerySignature:
    """HMAC-SHA-256 over the parameters, in hex, as the last of them."""

    algorithm: Algorithm = "hmac-sha256"

    def __init__(self, receive_window_ms: int) -> None:
        self._window = receive_window_ms

    def fields(self, now_ms: int) -> Fields:
        return {"timestamp": now_ms, "recvWindow": self._window}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        headers = {"X-MBX-APIKEY": facts.api_key_id}
        if facts.method == "POST":
            headers["Content-Type"] = _FORM
        readback.check_headers(request, headers)
        message = (facts.body or facts.query).encode()
        readback.check_message(request, message, self.algorithm)


class SpotTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return Wanted(
                    method="POST", path="/api/v3/order", place="form", fields=_order(expected)
                )
            case CancelTarget(market=market, client_order_id=client_order_id):
                return Wanted(
                    method="DELETE",
                    path="/api/v3/order",
                    place="query",
                    fields=one_order(_market(market), client_order_id),
                )
            case ReadTarget():
                path, fields = self._read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)

    def _read(self, target: ReadTarget) -> tuple[str, Fields]:
        match target.kind:
            case "permissions":
                return PERMISSIONS, {}
            case "balances":
                return "/api/v3/account", {}
            case "open_orders":
                one = {"symbol": _market(target.market)} if target.market else {}
                return "/api/v3/openOrders", one
            case "order":
                return "/api/v3/order", one_order(_market(target.market), target.client_order_id)
            case "trades":
                return "/api/v3/myTrades", trades_of(_market(target.market), target)
            case _:
                raise RequestRefused(rule="kind")


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def order_of(symbol: str, order: VenueOrder, *, answer: str) -> Fields:
    fields = {
        "symbol": symbol,
        "side": order.side.upper(),
        "type": order.type.upper(),
        "quantity": order.quantity,
        "newClientOrderId": saying.client_id(order.client_order_id),
        "newOrderRespType": answer,
    }
    saying.check_shape(order)
    if order.type == "limit":
        fields |= {"price": order.price, "timeInForce": order.time_in_force}
    return fields


def trades_of(symbol: str, target: ReadTarget) -> Fields:
    fields = {"symbol": symbol}
    if target.since_ms is not None:
        fields["startTime"] = str(target.since_ms)
    if saying.trade_limit(target, _MAX_TRADES) is not None:
        fields["limit"] = str(target.limit)
    return fields


def one_order(symbol: str, client_order_id: str | None) -> Fields:
    return {"symbol": symbol, "origClientOrderId": saying.client_id(client_order_id)}


def _order(order: VenueOrder) -> Fields:
    return order_of(_market(order.market), order, answer="FULL")


def _market(market: str | None) -> str:
    return saying.matching(_MARKET, market, "market")
