"""BitMEX's requests, made without ccxt and read back by `table`."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

from app.exchanges.bitmex.answers import BitmexAnswers, describe
from app.exchanges.bitmex.table import BitmexScheme, BitmexTable, check_api_key_id
from app.exchanges.building import Building, Call
from app.exchanges.errors import RequestMismatch, RequestRefused, VenueAnswerUnknown
from app.exchanges.models import (
    CancelTarget,
    Expected,
    MarketSnapshot,
    Method,
    ReadTarget,
    Unsigned,
    VenueOrder,
)
from app.exchanges.spelling import SPELLINGS
from app.exchanges.venues import Venue

_LONG_NAMES = {"GTC": "GoodTillCancel", "IOC": "ImmediateOrCancel", "FOK": "FillOrKill"}
_HMAC_BYTES = 32


class BitmexDialect(Building, BitmexAnswers):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        self._life_seconds = row.receive_window_ms // 1000
        self._table, self._scheme = BitmexTable(), BitmexScheme(row.receive_window_ms)
        self._tail = b""

    def _check_key(self, api_key_id: str) -> None:
        check_api_key_id(api_key_id)

    def _make(
        self,
        snapshot: MarketSnapshot | None,
        api_key_id: str,
        expected: Expected,
        now_ms: int,
        call: Call,
    ) -> Unsigned:
        del call  # there is no ccxt to call
        self._table.wanted_of(expected)
        if snapshot is not None:
            _check_snapshot(snapshot, expected)
        method, target, body = _say(expected)
        expires = str(now_ms // 1000 + self._life_seconds)
        sentinel = secrets.token_bytes(_HMAC_BYTES)
        headers = [
            ("api-expires", expires),
            ("api-key", api_key_id),
            ("api-signature", SPELLINGS["hex"](sentinel)),
        ]
        if method != "GET":
            headers.append(("content-type", "application/json"))
        return Unsigned(
            venue=self.venue,
            method=method,
            path_and_query=target,
            headers=tuple(headers),
            body=body.encode(),
            message=f"{method}{target}{expires}{body}".encode(),
            algorithm="hmac-sha256",
            sentinel=sentinel,
        )


def _check_snapshot(snapshot: MarketSnapshot, expected: Expected) -> None:
    """The pinned market is the one that is meant, and the order fits its steps."""
    try:
        said = describe(json.loads(snapshot.raw))
    except (ValueError, AttributeError, VenueAnswerUnknown):
        raise RequestRefused(rule="snapshot") from None
    if not said.market == snapshot.market == expected.market:
        raise RequestMismatch(rule="symbol")
    if isinstance(expected, VenueOrder):
        tick, step = said.filters.tick_size, said.filters.step_size
        for name, amount, size in (
            ("price", expected.price, tick),
            ("orderQty", expected.quantity, step),
        ):
            if amount is not None and (not size or amount % size):
                raise RequestMismatch(rule=name)


def _say(expected: Expected) -> tuple[Method, str, str]:
    """Verb, path with query, and body."""
    match expected:
        case VenueOrder():
            return "POST", "/api/v1/order", _order_body(expected)
        case CancelTarget(client_order_id=client_order_id):
            return "DELETE", "/api/v1/order", _json({"clOrdID": client_order_id})
        case ReadTarget():
            return "GET", _read_target(expected), ""


def _order_body(order: VenueOrder) -> str:
    told = {"symbol": order.market, "side": "Buy" if order.side == "buy" else "Sell"}
    told["ordType"] = "Limit" if order.type == "limit" else "Market"
    if order.time_in_force is not None:
        told["timeInForce"] = _LONG_NAMES[order.time_in_force]
    told["clOrdID"] = order.client_order_id
    # Numbers are numbers there, and a float would round them.
    amounts = [("orderQty", order.quantity), ("price", order.price)]
    numbers = "".join(
        f',"{name}":{_digits(amount)}' for name, amount in amounts if amount is not None
    )
    return _json(told)[:-1] + numbers + "}"


def _read_target(target: ReadTarget) -> str:
    fields: dict[str, str | int] = {}
    if target.market:
        fields["symbol"] = target.market
    match target.kind:
        case "permissions":
            return "/api/v1/apiKey"
        case "balances":
            return "/api/v1/user/margin?currency=XBt"
        case "open_orders":
            path, fields["filter"], fields["count"] = "order", _json({"open": True}), 500
        case "order":
            path, fields["filter"] = "order", _json({"clOrdID": target.client_order_id})
        case _:
            path, fields["filter"] = "execution/tradeHistory", _json({"execType": "Trade"})
            if target.since_ms is not None:
                seconds, left = divmod(target.since_ms, 1000)
                fields["startTime"] = _moment(seconds, left)
            if target.limit is not None:
                fields["count"] = target.limit
    return f"/api/v1/{path}?{urlencode(fields)}"


def _moment(seconds: int, milliseconds: int) -> str:
    whole = datetime.fromtimestamp(seconds, tz=UTC).replace(tzinfo=None).isoformat()
    return f"{whole}.{milliseconds:03}Z"


def _digits(amount: Decimal) -> str:
    return format(amount, "f")


def _json(told: Mapping[str, object]) -> str:
    return json.dumps(told, separators=(",", ":"))
