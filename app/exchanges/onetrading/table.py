"""One Trading's table and scheme, from its documents "Create order" and "Authentication"."""

import re

from app.exchanges import readback, saying
from app.exchanges.errors import RequestRefused
from app.exchanges.models import (
    Algorithm,
    CancelTarget,
    Expected,
    ReadTarget,
    SignedRequest,
    TimeInForce,
    Unsigned,
    VenueOrder,
)
from app.exchanges.readback import Facts, Fields, Wanted

_API_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_MARKET = re.compile(r"[A-Z0-9]{1,12}_[A-Z0-9]{1,12}\Z")
TIMES_IN_FORCE: dict[TimeInForce, str] = {
    "GTC": "GOOD_TILL_CANCELLED",
    "IOC": "IMMEDIATE_OR_CANCELLED",
    "FOK": "FILL_OR_KILL",
}
_ACCOUNT = "/fast/v1/account/"
MAX_ROWS = 100


class OneTradingTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                fields = _order(expected)
                return Wanted(method="POST", path=f"{_ACCOUNT}orders", place="json", fields=fields)
            case CancelTarget(client_order_id=client_order_id):
                path = f"{_ACCOUNT}orders/client/{wire_id(client_order_id)}"
                return Wanted(method="DELETE", path=path, place="query")
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=_ACCOUNT + path, place="query", fields=fields)


class OneTradingScheme:
    """A bearer in a header. There is nothing to sign, and nothing that ties it to the request."""

    algorithm: Algorithm = "bearer"

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        headers = {"Accept": "application/json"}
        if facts.method == "POST":
            headers["Content-Type"] = "application/json"
        readback.check_headers(request, headers, clear="Authorization", prefix="Bearer ")
        readback.check_message(request, b"", self.algorithm)


def check_api_key_id(api_key_id: str) -> None:
    """A name that tells one token from another; it is not sent."""
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def wire_id(client_order_id: str | None) -> str:
    return str(saying.client_uuid(client_order_id))


def _market(market: str | None) -> str:
    return saying.matching(_MARKET, market, "market")


def _order(order: VenueOrder) -> Fields:
    saying.check_shape(order)
    fields = {
        "instrument_code": _market(order.market),
        "client_id": wire_id(order.client_order_id),
        "type": order.type.upper(),
        "side": order.side.upper(),
        "amount": order.quantity,
        # ccxt says it of a market order too, where it means nothing.
        "time_in_force": TIMES_IN_FORCE[order.time_in_force or "GTC"],
    }
    if order.type == "limit":
        fields |= {"price": order.price}
    return fields


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "balances":
            return "balances", {}
        case "open_orders":
            one = {"instrument_code": _market(target.market)} if target.market else {}
            return "orders", one
        case "order":
            return f"orders/client/{wire_id(target.client_order_id)}", {}
        case "trades":
            fields = {"instrument_code": _market(target.market)}
            if target.since_ms is not None:
                fields["from"] = saying.iso_time(target.since_ms)
            if saying.trade_limit(target, MAX_ROWS) is not None:
                fields["max_page_size"] = str(target.limit)
            return "trades", fields
        case _:
            raise RequestRefused(rule="kind")
