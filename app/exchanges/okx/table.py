"""OKX's table and scheme, from its documents "Place order" and "REST Authentication"."""

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

_API_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MARKET = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{1,12}\Z")
_KINDS = {"GTC": "limit", "IOC": "ioc", "FOK": "fok"}
MAX_ROWS = 100


class OkxTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return _post("/api/v5/trade/order", _order(expected))
            case CancelTarget(market=market, client_order_id=client_order_id):
                return _post("/api/v5/trade/cancel-order", _one(market, client_order_id))
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)


class OkxScheme:
    """HMAC-SHA-256 over time, verb, path with query, and body."""

    algorithm: Algorithm = "hmac-sha256"

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        now = saying.iso_time(facts.now_ms)
        headers = {"OK-ACCESS-KEY": facts.api_key_id, "OK-ACCESS-TIMESTAMP": now}
        if facts.method == "POST":
            headers["Content-Type"] = "application/json"
        readback.check_headers(
            request,
            headers,
            signature=("OK-ACCESS-SIGN", "base64"),
            clear="OK-ACCESS-PASSPHRASE",
        )
        message = (now + facts.method + facts.target + facts.body).encode()
        readback.check_message(request, message, self.algorithm)


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def _post(path: str, fields: Fields) -> Wanted:
    return Wanted(method="POST", path=path, place="json", fields=fields)


def _one(market: str | None, client_order_id: str | None) -> Fields:
    return {
        "instId": saying.matching(_MARKET, market, "market"),
        "clOrdId": saying.client_id(client_order_id),
    }


def _order(order: VenueOrder) -> Fields:
    fields = {
        **_one(order.market, order.client_order_id),
        "side": order.side,
        "ordType": order.type,
        "sz": order.quantity,
        "tdMode": "cash",
        # Otherwise a market buy would be sized in quote currency.
        "tgtCcy": "base_ccy",
    }
    saying.check_shape(order)
    if order.price is not None and order.time_in_force is not None:
        fields |= {"px": order.price, "ordType": _KINDS[order.time_in_force]}
    return fields


def _read(target: ReadTarget) -> tuple[str, Fields]:
    spot: dict[str, str] = {"instType": "SPOT"}
    match target.kind:
        case "permissions":
            return "/api/v5/account/config", {}
        case "balances":
            return "/api/v5/account/balance", {}
        case "open_orders":
            if target.market:
                spot["instId"] = saying.matching(_MARKET, target.market, "market")
            return "/api/v5/trade/orders-pending", spot
        case "order":
            return "/api/v5/trade/order", _one(target.market, target.client_order_id)
        case "trades":
            spot["instId"] = saying.matching(_MARKET, target.market, "market")
            if target.since_ms is not None:
                spot["begin"] = str(target.since_ms)
            if saying.trade_limit(target, MAX_ROWS) is not None:
                spot["limit"] = str(target.limit)
            return "/api/v5/trade/fills-history", spot
        case _:
            raise RequestRefused(rule="kind")
