"""One market as a venue describes it: to a pinned snapshot, and to what ccxt gets to know of it.

Both are read from the same raw entry by the same function of the venue, so they cannot differ.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from app.core.canonical import canonical_json
from app.core.errors import Malformed
from app.exchanges.errors import VenueAnswerUnknown
from app.exchanges.models import MarketFilters, MarketSnapshot, OrderType, Product


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What one raw entry says. `settle` and `contract_size` are None on spot."""

    market: str
    base: str
    quote: str
    trading: bool
    order_types: tuple[OrderType, ...]
    filters: MarketFilters
    product: Product = "spot"
    settle: str | None = None
    contract_size: Decimal | None = None


BOTH: tuple[OrderType, ...] = ("limit", "market")
Describe = Callable[[dict[str, Any]], Description]


def snapshot_of(
    venue: str,
    entry: dict[str, Any],
    describe: Describe,
    *,
    market: str,
    keep: tuple[str, ...],
    as_of: datetime,
) -> MarketSnapshot:
    """Pin the fields of `entry` that `describe` reads; it must be `market`.

    The rest (fee tables, texts) is left out: it changes often and says nothing about an order.
    Raises VenueAnswerUnknown.
    """
    kept = {name: _plain(entry[name]) for name in keep if name in entry}
    said = describe(kept)
    if said.market != market:
        raise VenueAnswerUnknown(rule="symbol")
    try:
        raw = canonical_json(kept)
    except Malformed:
        raise VenueAnswerUnknown(rule="number") from None
    return MarketSnapshot(venue=venue, raw=raw, as_of=as_of, **msgspec.structs.asdict(said))


def for_ccxt(describe: Describe) -> Callable[[Any], dict[str, Any]]:
    """Make the market ccxt gets from a raw entry, with nothing that ccxt worked out itself."""

    def market(entry: Any) -> dict[str, Any]:
        said = describe(entry)
        spot = said.product == "spot"
        symbol = f"{said.base}/{said.quote}" + ("" if spot else f":{said.settle}")
        return {
            "id": said.market,
            "symbol": symbol,
            "base": said.base,
            "quote": said.quote,
            "baseId": said.base,
            "quoteId": said.quote,
            "settle": said.settle,
            "settleId": said.settle,
            "type": "spot" if spot else "swap",
            "spot": spot,
            "margin": False,
            "swap": not spot,
            "future": False,
            "option": False,
            "contract": not spot,
            "active": said.trading,
            "linear": None if spot else said.product == "linear",
            "inverse": None if spot else said.product == "inverse",
            "contractSize": _step(said.contract_size),
            "precision": {
                "amount": _step(said.filters.step_size),
                "price": _step(said.filters.tick_size),
            },
            "limits": {"amount": {}, "price": {}, "cost": {}, "leverage": {}},
            "info": entry,
        }

    return market


def _plain(value: Any) -> Any:
    """Numbers with a point as strings: canonical JSON has no exact numbers."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _step(size: Decimal | None) -> str | None:
    """Digits: ccxt's steps are floats by habit only, it reads text as exactly."""
    return None if size is None else format(size, "f")


def filters(**known: Decimal | None) -> MarketFilters:
    """The venue's limits; what is not named, the venue does not set."""
    return MarketFilters(**{name: known.get(name) for name in MarketFilters.__struct_fields__})


def power_of_ten(places: Any, name: str) -> Decimal:
    """The step of a market that rounds to so many decimal places, or raise VenueAnswerUnknown."""
    if isinstance(places, str) and places.isascii() and places.isdecimal() and len(places) <= 2:  # noqa: PLR2004
        places = int(places)
    if type(places) is not int or not 0 <= places <= 24:  # noqa: PLR2004
        raise VenueAnswerUnknown(rule=name)
    return Decimal(1).scaleb(-places)
