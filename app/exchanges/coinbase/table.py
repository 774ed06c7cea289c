"""Coinbase's table and scheme, from its documents "Create Order" and "API key authentication"."""

import json
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
from app.exchanges.spelling import SPELLINGS

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_API_KEY_ID = re.compile(rf"organizations/{_UUID}/apiKeys/{_UUID}\Z")
_MARKET = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{1,12}\Z")
_NONCE = re.compile(r"[0-9a-f]{32}\Z")
_LIFE_SECONDS = 120
MAX_ROWS = 100
MAX_ACCOUNTS = 250
_ORDERS = "/api/v3/brokerage/orders"


class CoinbaseTable:
    def wanted_of(self, expected: Expected) -> Wanted:
        match expected:
            case VenueOrder():
                return Wanted(method="POST", path=_ORDERS, place="json", fields=_order(expected))
            case CancelTarget(venue_order_id=order_id):
                return Wanted(
                    method="POST",
                    path=f"{_ORDERS}/batch_cancel",
                    place="json",
                    fields={"order_ids": [saying.venue_order_id(order_id)]},
                )
            case ReadTarget():
                path, fields = _read(expected)
                return Wanted(method="GET", path=path, place="query", fields=fields)


class CoinbaseScheme:
    """A JWT over verb, host and path, good for two minutes; its nonce is 128 random bits."""

    algorithm: Algorithm = "es256"

    def __init__(self, host: str) -> None:
        self._host = host

    def fields(self, now_ms: int) -> Fields:
        del now_ms
        return {}

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        check_api_key_id(facts.api_key_id)
        found = dict(request.headers)
        token = found.pop("Authorization", "")
        if len(request.headers) != 2 or found != {"Content-Type": "application/json"}:  # noqa: PLR2004
            raise RequestMismatch(rule="headers")
        if not token.startswith("Bearer ") or token.count(".") != 2:  # noqa: PLR2004
            raise RequestMismatch(rule="headers")
        message, _, signature = token.removeprefix("Bearer ").rpartition(".")
        header, claims = message.split(".")
        nonce = _nonce_of(header)
        if header != _segment(
            {"alg": "ES256", "typ": "JWT", "kid": facts.api_key_id, "nonce": nonce}
        ):
            raise RequestMismatch(rule="headers")
        if claims != _segment(self._claims(facts)):
            raise RequestMismatch(rule="claims")
        readback.check_signature(request, signature, "base64url")
        readback.check_message(request, message.encode(), self.algorithm)

    def _claims(self, facts: Facts) -> dict[str, object]:
        now = facts.now_ms // 1000
        return {
            "aud": ["retail_rest_api_proxy"],
            "iss": "coinbase-cloud",
            "nbf": now,
            "exp": now + _LIFE_SECONDS,
            "sub": facts.api_key_id,
            "iat": now,
            "uri": f"{facts.method} {self._host}{facts.path}",
        }


def _segment(part: dict[str, object]) -> str:
    return SPELLINGS["base64url"](json.dumps(part, separators=(",", ":")).encode())


def _nonce_of(header: str) -> str:
    # Only to know which nonce it is: the whole header is compared with what it must be.
    text = readback.from_base64url(header)
    nonce = text.rpartition('"nonce":"')[2].removesuffix('"}')
    if not _NONCE.match(nonce):
        raise RequestMismatch(rule="nonce")
    return nonce


def check_api_key_id(api_key_id: str) -> None:
    saying.matching(_API_KEY_ID, api_key_id, "api_key_id")


def wire_id(client_order_id: str | None) -> str:
    return str(saying.client_uuid(client_order_id))


def _order(order: VenueOrder) -> Fields:
    fields: dict[str, object] = {
        "client_order_id": wire_id(order.client_order_id),
        "product_id": saying.matching(_MARKET, order.market, "market"),
        "side": order.side.upper(),
    }
    saying.check_shape(order)
    size: dict[str, object] = {"base_size": order.quantity}
    if order.type == "market":
        if order.side == "buy":
            raise RequestRefused(rule="market_buy")  # sized in quote currency there
        return {**fields, "order_configuration": {"market_market_ioc": size}}
    size["limit_price"] = order.price
    kinds: dict[str | None, tuple[str, dict[str, object]]] = {
        "GTC": ("limit_limit_gtc", {"post_only": False}),
        "IOC": ("sor_limit_ioc", {}),
        "FOK": ("limit_limit_fok", {}),
    }
    kind, more = kinds[order.time_in_force]
    return {**fields, "order_configuration": {kind: {**size, **more}}}


def _read(target: ReadTarget) -> tuple[str, Fields]:
    match target.kind:
        case "permissions":
            return "/api/v3/brokerage/key_permissions", {}
        case "balances":
            return "/api/v3/brokerage/accounts", {"limit": MAX_ACCOUNTS}
        case "open_orders":
            fields: dict[str, object] = {"order_status": "OPEN", "limit": MAX_ROWS}
            if target.market:
                fields["product_id"] = saying.matching(_MARKET, target.market, "market")
            return f"{_ORDERS}/historical/batch", fields
        case "order":
            return f"{_ORDERS}/historical/{saying.venue_order_id(target.venue_order_id)}", {}
        case "trades":
            fields = {"product_id": saying.matching(_MARKET, target.market, "market")}
            if target.since_ms is not None:
                fields["start_sequence_timestamp"] = saying.iso_time(target.since_ms)
            if saying.trade_limit(target, MAX_ROWS) is not None:
                fields["limit"] = target.limit
            return f"{_ORDERS}/historical/fills", fields
        case _:
            raise RequestRefused(rule="kind")
