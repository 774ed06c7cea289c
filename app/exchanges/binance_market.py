"""Binance spot market description to a pinned snapshot."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.core.canonical import canonical_json
from app.core.errors import Malformed
from app.exchanges import strictjson
from app.exchanges.errors import VenueAnswerUnknown
from app.exchanges.models import MarketFilters, MarketSnapshot, OrderType

_ORDER_TYPES: tuple[tuple[str, OrderType], ...] = (("LIMIT", "limit"), ("MARKET", "market"))


def snapshot_of(venue: str, answer: Any, *, market: str, as_of: datetime) -> MarketSnapshot:
    """Pin the one entry that `exchangeInfo` gives for `market`. Raises VenueAnswerUnknown."""
    entries = strictjson.rows(strictjson.table(answer).get("symbols"))
    if len(entries) != 1 or entries[0].get("symbol") != market:
        raise VenueAnswerUnknown(rule="symbol")
    entry = entries[0]
    types = entry.get("orderTypes")
    if not isinstance(types, list) or entry.get("isSpotTradingAllowed") is not True:
        raise VenueAnswerUnknown(rule="not_a_spot_market")
    try:
        raw = canonical_json(entry)
    except Malformed:
        raise VenueAnswerUnknown(rule="number") from None
    return MarketSnapshot(
        venue=venue,
        market=market,
        base=strictjson.text(entry, "baseAsset"),
        quote=strictjson.text(entry, "quoteAsset"),
        trading=entry.get("status") == "TRADING",
        order_types=tuple(ours for theirs, ours in _ORDER_TYPES if theirs in types),
        filters=_filters(strictjson.rows(entry.get("filters"))),
        raw=raw,
        as_of=as_of,
    )


def _filters(rows: list[dict[str, Any]]) -> MarketFilters:
    by_type = {strictjson.text(row, "filterType"): row for row in rows}
    if len(by_type) != len(rows):
        raise VenueAnswerUnknown(rule="filterType")
    price, lot = by_type.get("PRICE_FILTER", {}), by_type.get("LOT_SIZE", {})
    notional, least = by_type.get("NOTIONAL", {}), by_type.get("MIN_NOTIONAL", {})
    floors = [
        floor
        for floor in (_limit(notional, "minNotional"), _limit(least, "minNotional"))
        if floor is not None
    ]
    return MarketFilters(
        tick_size=_limit(price, "tickSize"),
        min_price=_limit(price, "minPrice"),
        max_price=_limit(price, "maxPrice"),
        step_size=_limit(lot, "stepSize"),
        min_quantity=_limit(lot, "minQty"),
        max_quantity=_limit(lot, "maxQty"),
        min_notional=max(floors, default=None),
        max_notional=_limit(notional, "maxNotional"),
    )


def _limit(row: dict[str, Any], name: str) -> Decimal | None:
    # The venue writes "0" for a limit that is switched off.
    return (strictjson.decimal(row, name) or None) if row else None
