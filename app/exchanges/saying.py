"""What every venue's table needs: our words, checked, before they become a venue's."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from app.exchanges.client_ids import order_id_of
from app.exchanges.errors import RequestRefused
from app.exchanges.models import ReadTarget, VenueOrder

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")
_VENUE_ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,64}\Z")


def matching(pattern: re.Pattern[str], text: str | None, rule: str) -> str:
    if text is None or not pattern.match(text):
        raise RequestRefused(rule=rule)
    return text


def client_id(text: str | None) -> str:
    return matching(_CLIENT_ID, text, "client_order_id")


def client_uuid(text: str | None) -> UUID:
    """The order id inside one of our client order ids, for venues that take UUIDs only."""
    order_id = order_id_of(text or "")
    if order_id is None:
        raise RequestRefused(rule="client_order_id")
    return order_id


def venue_order_id(text: str | None) -> str:
    return matching(_VENUE_ORDER_ID, text, "venue_order_id")


def check_shape(order: VenueOrder) -> None:
    """A limit order has price and time in force, a market order neither."""
    limit = order.type == "limit"
    if (order.price is not None, order.time_in_force is not None) != (limit, limit):
        raise RequestRefused(rule="price_or_time_in_force")
    for amount in (order.quantity, order.price):
        if amount is not None and (not amount.is_finite() or amount <= 0):
            raise RequestRefused(rule="amount")


def iso_time(unix_ms: int) -> str:
    """ISO 8601 with milliseconds and "Z"."""
    moment = datetime.fromtimestamp(unix_ms // 1000, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03}Z"


def plain(amount: Decimal) -> str:
    """Digits and at most one point; ccxt would read "1E+2" its own way."""
    if not amount.is_finite() or amount <= 0:
        raise RequestRefused(rule="amount")
    return format(amount, "f")


def trade_limit(target: ReadTarget, most: int) -> int | None:
    if target.limit is not None and not 1 <= target.limit <= most:
        raise RequestRefused(rule="limit")
    return target.limit
