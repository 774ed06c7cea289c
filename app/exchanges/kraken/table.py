"""Kraken's table and scheme, from its documents "AddOrder", "CancelOrder" and "Authentication"."""

import re
from hashlib import sha256

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

_API_KEY_ID = re.compile(r"[A-Za-z0-9+/]{16,128}={0,2}\Z")
_MARKET = re.compile(r"[A-Z0-9.]{2,20}\Z")
_FORM = "application/x-www-form-urlencoded"
_PRIVATE = "/0/private/"


class KrakenTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return _wanted("AddOrder", _order(expected))
            case CancelTarget(client_order_id=client_order_id):
                return _wanted("CancelOrder", {"cl_ord_id": wire_id(client_order_id)})
            case ReadTarget():
                return _wanted(*_read(expected))


class KrakenScheme:
    """HMAC-SHA-512 over path and SHA-256(nonce and form); the nonce is our clock."""

    algorithm: Algorithm = "hmac-sha512"

    def fields(self, now_ms: int) -> Fields:
        return {"nonce": now_ms}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        readback.check_headers(
            request,
            {"API-Key": facts.api_key_id, "Content-Type": _FORM},
            signature=("API-Sign", "base64"),
        )
        message = message_of(facts.path, str(facts.now_ms), facts.body)
        readback.check_message(request, message, self.algorithm)


def message_of(path: str, nonce: str, form: str) -> bytes:
    """What Kraken has signed (document "Authentication"): path, then a hash of the rest."""
    return path.encode() + sha256((nonce + form).encode()).digest()


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def wire_id(client_order_id: str | None) -> str:
    """Kraken takes a UUID, or 18 letters, which our own ids exceed."""
    return str(saying.client_uuid(client_order_id))


def _wanted(verb: str, fields: Fields) -> Wanted:
    return Wanted(method="POST", path=_PRIVATE + verb, place="form", fields=fields)


def _order(order: VenueOrder) -> Fields:
    fields = {
        "pair": saying.matching(_MARKET, order.market, "market"),
        "type": order.side,
        "ordertype": order.type,
        "volume": order.quantity,
        "cl_ord_id": wire_id(order.client_order_id),
    }
    saying.check_shape(order)
    if order.type == "limit":
        if order.time_in_force == "FOK":
            raise RequestRefused(rule="time_in_force")  # Kraken's spot has GTC, IOC and GTD
        fields |= {"price": order.price, "timeinforce": order.time_in_force}
    return fields


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "permissions":
            return "GetApiKeyInfo", {}
        case "balances":
            return "BalanceEx", {}
        case "open_orders":
            return "OpenOrders", {}
        case "order":
            # Resting orders are all in `open_orders`; this finds what became of the others.
            return "ClosedOrders", {"cl_ord_id": wire_id(target.client_order_id)}
        case "trades":
            since = {} if target.since_ms is None else {"start": target.since_ms // 1000}
            return "TradesHistory", since
        case _:
            raise RequestRefused(rule="kind")
