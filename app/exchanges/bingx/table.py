"""BingX's table and scheme, from its documents "Place Order" and "Authentication"."""

import re

from app.exchanges import readback, saying
from app.exchanges.errors import RequestMismatch, RequestRefused
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
_API_KEY_ID = re.compile(r"[A-Za-z0-9]{16,128}\Z")
_MARKET = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{1,12}\Z")
_TRADE = "/openApi/spot/v1/trade/"
_MAX_TRADES = 1000


class BingxTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return _post("order", _order(expected))
            case CancelTarget(market=market, client_order_id=client_order_id):
                return _post("cancel", _one(market, client_order_id))
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)


class BingxScheme:
    """HMAC-SHA-256 over the parameters in the order of their names."""

    algorithm: Algorithm = "hmac-sha256"

    def fields(self, now_ms: int) -> Fields:
        return {"timestamp": now_ms}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        readback.check_headers(request, {"X-BX-APIKEY": facts.api_key_id})
        names = [pair.partition("=")[0] for pair in facts.query.split("&")]
        if names != sorted(names):
            raise RequestMismatch(rule="order")
        readback.check_message(request, facts.query.encode(), self.algorithm)


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def wire_id(client_order_id: str | None) -> str:
    """BingX may turn an id to lower case, which would make another of ours: hex digits then."""
    return saying.client_uuid(client_order_id).hex


def _post(verb: str, fields: Fields) -> Wanted:
    return Wanted(method="POST", path=_TRADE + verb, place="query", fields=fields)


def _market(market: str | None) -> str:
    return saying.matching(_MARKET, market, "market")


def _one(market: str | None, client_order_id: str | None) -> Fields:
    return {"symbol": _market(market), "clientOrderID": wire_id(client_order_id)}


def _order(order: VenueOrder) -> Fields:
    saying.check_shape(order)
    fields = {
        "symbol": _market(order.market),
        "newClientOrderId": wire_id(order.client_order_id),
        "side": order.side.upper(),
        "type": order.type.upper(),
        "quantity": order.quantity,
    }
    if order.type == "limit":
        fields |= {"price": order.price, "timeInForce": order.time_in_force}
    return fields


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "permissions":
            return "/openApi/v1/account/apiPermissions", {}
        case "balances":
            return "/openApi/spot/v1/account/balance", {}
        case "open_orders":
            one = {"symbol": _market(target.market)} if target.market else {}
            return f"{_TRADE}openOrders", one
        case "order":
            return f"{_TRADE}query", _one(target.market, target.client_order_id)
        case "trades":
            fields = {"symbol": _market(target.market)}
            if target.since_ms is not None:
                fields["startTime"] = str(target.since_ms)
            if saying.trade_limit(target, _MAX_TRADES) is not None:
                fields["limit"] = str(target.limit)
            return f"{_TRADE}myTrades", fields
        case _:
            raise RequestRefused(rule="kind")
