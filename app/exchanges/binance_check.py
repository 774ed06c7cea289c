"""Binance spot, read back: what a request says, compared with what was meant.

Written without ccxt on purpose: a fault there must not agree with itself here.
"""

import re
from decimal import Decimal

from app.exchanges.errors import RequestMismatch, RequestRefused
from app.exchanges.models import (
    CancelTarget,
    Expected,
    Method,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueOrder,
)

# What may stand in a value: nothing that a query string could read in two ways, no "%".
_VALUE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_NAME = re.compile(r"[A-Za-z]{1,32}\Z")
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?\Z")
_SIGNATURE = re.compile(r"[0-9a-f]{64}\Z")
_API_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")
_MARKET = re.compile(r"[A-Z0-9]{2,20}\Z")
_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_MAX_TRADES = 1000

Wanted = dict[str, str | Decimal]


def check(
    request: Unsigned | SignedRequest,
    *,
    expected: Expected,
    api_key_id: str,
    now_ms: int,
    receive_window_ms: int,
) -> None:
    """Read `request` back and compare it with `expected`, in the steps below.

    Raises
    ------
    RequestMismatch
        `rule` names the part or the parameter that differs, is unknown, missing or repeated.
    """
    # (1) what the intent must look like on this venue
    method, path, wanted = wanted_of(expected)
    wanted |= {"timestamp": str(now_ms), "recvWindow": str(receive_window_ms)}
    # (2) verb and path
    if request.method != method:
        raise RequestMismatch(rule="method")
    found_path, _, query = request.path_and_query.partition("?")
    if found_path != path:
        raise RequestMismatch(rule="path")
    # (3) one place for parameters, the other one empty
    form, idle = (request.body, query) if method == "POST" else (query.encode(), request.body)
    if idle:
        raise RequestMismatch(rule="stray_parameters")
    # (4) who asks, and nothing else in the headers
    _check_headers(request, api_key_id)
    # (5) the signature comes last and covers all the rest
    message, separator, signature = form.rpartition(b"&signature=")
    _check_signature(request, message, separator, signature)
    # (6) every parameter, once, with the value that was meant
    _compare(_parameters(message), wanted)


def wanted_of(expected: Expected) -> tuple[Method, str, Wanted]:
    """Verb, path and parameters (without time and signature) that `expected` means.

    Raises
    ------
    RequestRefused
        The intent itself cannot be said on this venue; `rule` names the field.
    """
    match expected:
        case VenueOrder():
            return "POST", "/api/v3/order", _wanted_order(expected)
        case CancelTarget(market=market, client_order_id=client_order_id):
            return "DELETE", "/api/v3/order", _one_order(market, client_order_id)
        case ReadTarget():
            return "GET", *_wanted_read(expected)


def check_api_key_id(api_key_id: str) -> None:
    if not _API_KEY_ID.match(api_key_id):
        raise RequestRefused(rule="api_key_id")


def _wanted_order(order: VenueOrder) -> Wanted:
    wanted: Wanted = {
        "symbol": _market(order.market),
        "side": order.side.upper(),
        "type": order.type.upper(),
        "quantity": order.quantity,
        "newClientOrderId": _client_id(order.client_order_id),
        "newOrderRespType": "FULL",
    }
    limit = order.type == "limit"
    if (order.price is not None, order.time_in_force is not None) != (limit, limit):
        raise RequestRefused(rule="price_or_time_in_force")
    if order.price is not None and order.time_in_force is not None:
        wanted |= {"price": order.price, "timeInForce": order.time_in_force}
    return wanted


def _wanted_read(target: ReadTarget) -> tuple[str, Wanted]:
    match target.kind:
        case "permissions":
            return "/sapi/v1/account/apiRestrictions", {}
        case "balances":
            return "/api/v3/account", {}
        case "open_orders":
            return "/api/v3/openOrders", {"symbol": _market(target.market)} if target.market else {}
        case "order":
            return "/api/v3/order", _one_order(target.market, target.client_order_id)
        case "trades":
            return "/api/v3/myTrades", _wanted_trades(target)
        case _:
            raise RequestRefused(rule="kind")


def _wanted_trades(target: ReadTarget) -> Wanted:
    wanted: Wanted = {"symbol": _market(target.market)}
    if target.since_ms is not None:
        wanted["startTime"] = str(target.since_ms)
    if target.limit is not None:
        if not 1 <= target.limit <= _MAX_TRADES:
            raise RequestRefused(rule="limit")
        wanted["limit"] = str(target.limit)
    return wanted


def _one_order(market: str | None, client_order_id: str | None) -> Wanted:
    return {"symbol": _market(market), "origClientOrderId": _client_id(client_order_id)}


def _market(market: str | None) -> str:
    if market is None or not _MARKET.match(market):
        raise RequestRefused(rule="market")
    return market


def _client_id(client_order_id: str | None) -> str:
    if client_order_id is None or not _CLIENT_ID.match(client_order_id):
        raise RequestRefused(rule="client_order_id")
    return client_order_id


def _check_headers(request: Unsigned | SignedRequest, api_key_id: str) -> None:
    check_api_key_id(api_key_id)
    wanted = [("X-MBX-APIKEY", api_key_id)]
    if request.method == "POST":
        wanted.append(_FORM)
    if sorted(request.headers) != sorted(wanted):
        raise RequestMismatch(rule="headers")


def _check_signature(
    request: Unsigned | SignedRequest, message: bytes, separator: bytes, signature: bytes
) -> None:
    if not separator or not _SIGNATURE.match(signature.decode("ascii", "replace")):
        raise RequestMismatch(rule="signature")
    if isinstance(request, Unsigned):
        if signature.decode() != request.sentinel.hex() or message != request.message:
            raise RequestMismatch(rule="message")
        if request.algorithm != "hmac-sha256":
            raise RequestMismatch(rule="algorithm")


def _parameters(message: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in message.decode("ascii", "replace").split("&"):
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.match(name) or not _VALUE.match(value):
            raise RequestMismatch(rule="spelling")
        if name in found:
            raise RequestMismatch(rule=name)
        found[name] = value
    return found


def _compare(found: dict[str, str], wanted: Wanted) -> None:
    unknown_or_missing = sorted(found.keys() ^ wanted.keys())
    if unknown_or_missing:
        raise RequestMismatch(rule=unknown_or_missing[0])
    for name, value in wanted.items():
        text = found[name]
        if isinstance(value, Decimal):
            if not _PLAIN.match(text) or Decimal(text) != value:
                raise RequestMismatch(rule=name)
        elif text != value:
            raise RequestMismatch(rule=name)
