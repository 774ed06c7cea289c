"""Bybit's table and scheme, from its documents "Place Order" and "Integration Guidance"."""

import re

from app.exchanges import readback, saying
from app.exchanges.errors import RequestRefused
from app.exchanges.models import (
    Algorithm,
    CancelTarget,
    Expected,
    Product,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueOrder,
)
from app.exchanges.readback import Facts, Fields, Wanted

_API_KEY_ID = re.compile(r"[A-Za-z0-9]{8,64}\Z")
_MARKET = re.compile(r"[A-Z0-9]{2,20}\Z")
MAX_OPEN_ORDERS = 50
_MAX_TRADES = 100


class BybitTable:
    def __init__(self, product: Product, settles_in: str | None) -> None:
        self._category = product
        self._settles_in = settles_in

    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return _post("/v5/order/create", self._order(expected))
            case CancelTarget():
                spot = {"orderFilter": "Order"} if self._category == "spot" else {}
                one = self._one(expected.market, expected.client_order_id)
                return _post("/v5/order/cancel", {**one, **spot})
            case ReadTarget():
                path, fields = self._read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)

    def _order(self, order: VenueOrder) -> Fields:
        fields = {
            **self._one(order.market, order.client_order_id),
            "side": order.side.capitalize(),
            "orderType": order.type.capitalize(),
            "qty": order.quantity,
        }
        saying.check_shape(order)
        if order.type == "limit":
            return {**fields, "price": order.price, "timeInForce": order.time_in_force}
        # A market buy on spot would be sized in quote currency unless it says otherwise.
        return {**fields, "marketUnit": "baseCoin"} if self._category == "spot" else fields

    def _one(self, market: str | None, client_order_id: str | None) -> Fields:
        return {
            "category": self._category,
            "symbol": saying.matching(_MARKET, market, "market"),
            "orderLinkId": saying.client_id(client_order_id),
        }

    def _read(self, target: ReadTarget) -> tuple[str, Fields]:
        of = {"category": self._category}
        match target.kind:
            case "permissions":
                return "/v5/user/query-api", {}
            case "balances":
                return "/v5/account/wallet-balance", {"accountType": "UNIFIED"}
            case "open_orders":
                which = {"settleCoin": self._settles_in} if self._settles_in else {}
                if target.market:
                    which = {"symbol": saying.matching(_MARKET, target.market, "market")}
                return "/v5/order/realtime", {**of, **which, "limit": MAX_OPEN_ORDERS}
            case "order":
                return "/v5/order/realtime", self._one(target.market, target.client_order_id)
            case "trades":
                fields = {**of, "symbol": saying.matching(_MARKET, target.market, "market")}
                fields["execType"] = "Trade"
                if target.since_ms is not None:
                    fields["startTime"] = str(target.since_ms)
                if saying.trade_limit(target, _MAX_TRADES) is not None:
                    fields["limit"] = str(target.limit)
                return "/v5/execution/list", fields
            case _:
                raise RequestRefused(rule="kind")


class BybitScheme:
    """HMAC-SHA-256 over time, key id, window and parameters, in a header."""

    algorithm: Algorithm = "hmac-sha256"

    def __init__(self, receive_window_ms: int) -> None:
        self._window = str(receive_window_ms)

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        now = str(facts.now_ms)
        headers = {
            "Content-Type": "application/json",
            "X-BAPI-API-KEY": facts.api_key_id,
            "X-BAPI-TIMESTAMP": now,
            "X-BAPI-RECV-WINDOW": self._window,
        }
        readback.check_headers(request, headers, signature=("X-BAPI-SIGN", "hex"))
        message = message_of(now, facts.api_key_id, self._window, facts.body or facts.query)
        readback.check_message(request, message, self.algorithm)


def message_of(now_ms: str, api_key_id: str, window_ms: str, parameters: str) -> bytes:
    return (now_ms + api_key_id + window_ms + parameters).encode()


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def _post(path: str, fields: Fields) -> Wanted:
    return Wanted(method="POST", path=path, place="json", fields=fields)
