"""Bitvavo's table and scheme, from its documents "Create order" and "Authentication"."""

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

OPERATOR_ID = 1
"""Bitvavo wants a number for who decides within an account; ours is the first and only one."""
_API_KEY_ID = re.compile(r"[0-9a-f]{64}\Z")
_MARKET = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{1,12}\Z")
_MAX_TRADES = 1000


class BitvavoTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                fields = _order(expected)
                return Wanted(method="POST", path="/v2/order", place="json", fields=fields)
            case CancelTarget(market=market, client_order_id=client_order_id):
                fields = {**_one(market, client_order_id), "operatorId": OPERATOR_ID}
                return Wanted(method="DELETE", path="/v2/order", place="query", fields=fields)
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)


class BitvavoScheme:
    algorithm: Algorithm = "hmac-sha256"

    def __init__(self, receive_window_ms: int) -> None:
        self._window = str(receive_window_ms)

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        headers = {
            "BITVAVO-ACCESS-KEY": facts.api_key_id,
            "BITVAVO-ACCESS-TIMESTAMP": str(facts.now_ms),
            "BITVAVO-ACCESS-WINDOW": self._window,
        }
        if facts.method == "POST":
            headers["Content-Type"] = "application/json"
        readback.check_headers(request, headers, signature=("BITVAVO-ACCESS-SIGNATURE", "hex"))
        message = (str(facts.now_ms) + facts.method + facts.target + facts.body).encode()
        readback.check_message(request, message, self.algorithm)


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def wire_id(client_order_id: str | None) -> str:
    return str(saying.client_uuid(client_order_id))


def _market(market: str | None) -> str:
    return saying.matching(_MARKET, market, "market")


def _one(market: str | None, client_order_id: str | None) -> Fields:
    return {"market": _market(market), "clientOrderId": wire_id(client_order_id)}


def _order(order: VenueOrder) -> Fields:
    saying.check_shape(order)
    fields = {
        **_one(order.market, order.client_order_id),
        "side": order.side,
        "orderType": order.type,
        "amount": order.quantity,
        "operatorId": OPERATOR_ID,
    }
    if order.type == "limit":
        fields |= {"price": order.price, "timeInForce": order.time_in_force}
    return fields


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "balances":
            return "/v2/balance", {}
        case "open_orders":
            return "/v2/ordersOpen", {"market": _market(target.market)} if target.market else {}
        case "order":
            return "/v2/order", _one(target.market, target.client_order_id)
        case "trades":
            fields = {"market": _market(target.market)}
            if target.since_ms is not None:
                fields["start"] = str(target.since_ms)
            if saying.trade_limit(target, _MAX_TRADES) is not None:
                fields["limit"] = str(target.limit)
            return "/v2/trades", fields
        case _:
            raise RequestRefused(rule="kind")
