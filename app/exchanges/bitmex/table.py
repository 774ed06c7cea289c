"""BitMEX's table and scheme, from its documents "API Key Usage" and the REST explorer."""

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
from app.exchanges.readback import Facts, Fields, Number, Wanted

_API_KEY_ID = re.compile(r"[A-Za-z0-9_-]{16,64}\Z")
_MARKET = re.compile(r"[A-Z0-9]{2,20}\Z")
_TIMES: dict[TimeInForce, str] = {
    "GTC": "GoodTillCancel",
    "IOC": "ImmediateOrCancel",
    "FOK": "FillOrKill",
}
_API = "/api/v1/"
MAX_ROWS = 500


class BitmexTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return Wanted(
                    method="POST", path=f"{_API}order", place="json", fields=_order(expected)
                )
            case CancelTarget(client_order_id=client_order_id):
                one = {"clOrdID": saying.client_id(client_order_id)}
                return Wanted(method="DELETE", path=f"{_API}order", place="json", fields=one)
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=_API + path, place="query", fields=fields)


class BitmexScheme:
    """HMAC-SHA-256 over verb, path with query, expiry and body; the expiry is in seconds."""

    algorithm: Algorithm = "hmac-sha256"

    def __init__(self, receive_window_ms: int) -> None:
        self._life_seconds = receive_window_ms // 1000

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        expires = str(facts.now_ms // 1000 + self._life_seconds)
        headers = {"api-expires": expires, "api-key": facts.api_key_id}
        if facts.method != "GET":
            headers["content-type"] = "application/json"
        readback.check_headers(request, headers, signature=("api-signature", "hex"))
        message = message_of(facts.method, facts.target, expires, facts.body)
        readback.check_message(request, message, self.algorithm)


def message_of(method: str, target: str, expires: str, body: str) -> bytes:
    return (method + target + expires + body).encode()


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def _market(market: str | None) -> str:
    return saying.matching(_MARKET, market, "market")


def _order(order: VenueOrder) -> Fields:
    saying.check_shape(order)
    fields: dict[str, object] = {
        "symbol": _market(order.market),
        "side": order.side.capitalize(),
        "orderQty": Number(order.quantity),
        "ordType": order.type.capitalize(),
        "clOrdID": saying.client_id(order.client_order_id),
    }
    if order.price is not None and order.time_in_force is not None:
        fields |= {"price": Number(order.price), "timeInForce": _TIMES[order.time_in_force]}
    return fields


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "permissions":
            return "apiKey", {}
        case "balances":
            return "user/margin", {"currency": "XBt"}
        case "open_orders":
            one = {"symbol": _market(target.market)} if target.market else {}
            return "order", {**one, "filter": '{"open":true}', "count": MAX_ROWS}
        case "order":
            mine = f'{{"clOrdID":"{saying.client_id(target.client_order_id)}"}}'
            return "order", {"symbol": _market(target.market), "filter": mine}
        case "trades":
            fields: dict[str, object] = {
                "symbol": _market(target.market),
                "filter": '{"execType":"Trade"}',
            }
            if target.since_ms is not None:
                fields["startTime"] = saying.iso_time(target.since_ms)
            if saying.trade_limit(target, MAX_ROWS) is not None:
                fields["count"] = target.limit
            return "execution/tradeHistory", fields
        case _:
            raise RequestRefused(rule="kind")
