"""Bitget's table and scheme, from its documents "Place Order" and "Signature"."""

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

_API_KEY_ID = re.compile(r"bg_[0-9a-f]{16,64}\Z")
_MARKET = re.compile(r"[A-Z0-9]{2,20}\Z")
_TRADE = "/api/v2/spot/trade/"
MAX_ROWS = 100


class BitgetTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return _post("place-order", _order(expected))
            case CancelTarget(market=market, client_order_id=client_order_id):
                return _post("cancel-order", {"symbol": _market(market), **_id(client_order_id)})
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)


class BitgetScheme:
    """HMAC-SHA-256 over time, verb, path with query, and body."""

    algorithm: Algorithm = "hmac-sha256"

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        now = str(facts.now_ms)
        headers = {"ACCESS-KEY": facts.api_key_id, "ACCESS-TIMESTAMP": now}
        if facts.method == "POST":
            headers["Content-Type"] = "application/json"
        readback.check_headers(
            request, headers, signature=("ACCESS-SIGN", "base64"), clear="ACCESS-PASSPHRASE"
        )
        message = (now + facts.method + facts.target + facts.body).encode()
        readback.check_message(request, message, self.algorithm)


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def _post(verb: str, fields: Fields) -> Wanted:
    return Wanted(method="POST", path=_TRADE + verb, place="json", fields=fields)


def _market(market: str | None) -> str:
    return saying.matching(_MARKET, market, "market")


def _id(client_order_id: str | None) -> Fields:
    return {"clientOid": saying.client_id(client_order_id)}


def _order(order: VenueOrder) -> Fields:
    saying.check_shape(order)
    fields = {
        "symbol": _market(order.market),
        **_id(order.client_order_id),
        "side": order.side,
        "orderType": order.type,
        "size": order.quantity,
    }
    if order.price is not None and order.time_in_force is not None:
        return {**fields, "price": order.price, "force": order.time_in_force.lower()}
    if order.side == "buy":
        raise RequestRefused(rule="market_buy")  # sized in quote currency there
    return {**fields, "force": "GTC"}  # ccxt says it; for a market order it means nothing


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "permissions":
            return "/api/v2/spot/account/info", {}
        case "balances":
            return "/api/v2/spot/account/assets", {}
        case "open_orders":
            one = {"symbol": _market(target.market)} if target.market else {}
            return f"{_TRADE}unfilled-orders", one
        case "order":
            return f"{_TRADE}orderInfo", _id(target.client_order_id)
        case "trades":
            fields = {"symbol": _market(target.market)}
            if target.since_ms is not None:
                fields["startTime"] = str(target.since_ms)
            if saying.trade_limit(target, MAX_ROWS) is not None:
                fields["limit"] = str(target.limit)
            return f"{_TRADE}fills", fields
        case _:
            raise RequestRefused(rule="kind")
