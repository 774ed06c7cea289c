"""The surface Binance does not have: keys, prices, limits and faults, for tests and demos.

Loopback only, and only for a `Host` that is loopback too and a JSON body, so that a page in a
browser on this machine cannot reach it by DNS rebinding or a form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from app.sandbox.faults import Fault
from app.sandbox.keys import Kind
from app.sandbox.money import text
from app.sandbox.render import queried_order
from app.sandbox.venue import AdminRequestRefused, Venue

PREFIX = "/sandbox/"


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`account_id` puts another key on an account that exists; without it a new one is opened."""

    kind: Kind = Kind.HMAC
    public_key_pem: str | None = None
    permissions: dict[str, Any] = {}
    ip_list: tuple[str, ...] = ()
    balances: dict[str, Decimal] = {}
    account_id: str | None = None


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    permissions: dict[str, Any] = {}
    ip_list: tuple[str, ...] | None = None


class PriceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: Decimal


class LimitsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The venue's budgets from now on; 0 switches one off, and what is not named stays."""

    weight_per_minute: int | msgspec.UnsetType = msgspec.UNSET
    orders_per_10_seconds: int | msgspec.UnsetType = msgspec.UNSET
    orders_per_day: int | msgspec.UnsetType = msgspec.UNSET


class NoSuchAdminRoute(Exception):
    """No such admin route."""


def handle(venue: Venue, method: str, path: str, body: bytes) -> Any:
    """One admin request; raises `NoSuchAdminRoute`, `UnknownKey`, `AdminRequestRefused`,
    `msgspec.DecodeError` or a `VenueError`.
    """
    words = path.removeprefix(PREFIX).split("/")
    name = words[1] if len(words) > 1 else ""
    pattern = "/".join("*" if place == 1 else word for place, word in enumerate(words))
    action = _ACTIONS.get((method, pattern))
    if action is None:
        raise NoSuchAdminRoute(path)
    return action(venue, name, body)


def _create_key(venue: Venue, _: str, body: bytes) -> Any:
    wanted = msgspec.json.decode(body, type=KeyRequest)
    key, secret = venue.create_key(
        kind=wanted.kind,
        public_key_pem=wanted.public_key_pem,
        account_id=wanted.account_id,
        permissions=wanted.permissions,
        ip_list=wanted.ip_list,
        balances=wanted.balances,
    )
    answer = {"api_key": key.api_key, "account_id": key.account_id}
    return answer if secret is None else {**answer, "secret": secret}


def _change_key(venue: Venue, api_key: str, body: bytes) -> Any:
    change = msgspec.json.decode(body, type=KeyChange)
    key = venue.change_key(api_key, permissions=change.permissions, ip_list=change.ip_list)
    return {"api_key": key.api_key, "permissions": key.restrictions, "ip_list": key.ip_list}


def _delete_key(venue: Venue, api_key: str, _: bytes) -> Any:
    venue.delete_key(api_key)
    return {}


def _set_price(venue: Venue, symbol: str, body: bytes) -> Any:
    price = msgspec.json.decode(body, type=PriceRequest).price
    if not price.is_finite():
        raise AdminRequestRefused("not a price")
    venue.house.move(symbol, price)
    return {"symbol": symbol, "price": text(price)}


def _set_limits(venue: Venue, _: str, body: bytes) -> Any:
    asked = msgspec.structs.asdict(msgspec.json.decode(body, type=LimitsRequest))
    wanted = {name: limit for name, limit in asked.items() if limit is not msgspec.UNSET}
    if any(limit < 0 for limit in wanted.values()):
        raise AdminRequestRefused("a limit is 0 (none) or more")
    venue.meter.limits = msgspec.structs.replace(venue.meter.limits, **wanted)
    return msgspec.structs.asdict(venue.meter.limits)


def _arm_fault(venue: Venue, name: str, body: bytes) -> Any:
    fault = msgspec.json.decode(body, type=Fault)
    if fault.count < 1 or fault.ms < 0:
        raise AdminRequestRefused("count starts at 1, ms at 0")
    venue.faults.arm(fault)
    return _list_faults(venue, name, b"")


def _clear_faults(venue: Venue, name: str, _: bytes) -> Any:
    venue.faults.clear()
    return _list_faults(venue, name, b"")


def _list_faults(venue: Venue, _: str, __: bytes) -> Any:
    return {"faults": venue.faults.armed()}


def _account(venue: Venue, api_key: str, _: bytes) -> Any:
    key = venue.key(api_key)
    account = venue.account_of(key)
    return {
        "api_key": api_key,
        "account_id": key.account_id,
        "kind": key.kind.value,
        "permissions": key.restrictions,
        "ip_list": key.ip_list,
        "balances": {
            asset: {"free": text(balance.free), "locked": text(balance.locked)}
            for asset, balance in account.balances.items()
        },
        "open_orders": [queried_order(order) for order in account.open_orders.values()],
    }


_ACTIONS: dict[tuple[str, str], Callable[[Venue, str, bytes], Any]] = {
    ("POST", "keys"): _create_key,
    ("PATCH", "keys/*"): _change_key,
    ("DELETE", "keys/*"): _delete_key,
    ("GET", "accounts/*"): _account,
    ("POST", "markets/*/price"): _set_price,
    ("POST", "limits"): _set_limits,
    ("POST", "faults"): _arm_fault,
    ("GET", "faults"): _list_faults,
    ("DELETE", "faults"): _clear_faults,
}
