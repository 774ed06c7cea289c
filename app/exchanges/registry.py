"""Venue id to dialect. Imports ccxt; a process that only reads answers uses `answers`."""

from functools import cache

from app.exchanges.binance import BinanceDialect
from app.exchanges.dialect import Dialect
from app.exchanges.venues import venue


@cache
def dialect_of(venue_id: str) -> Dialect:
    """The dialect of an enabled venue, made once per process (about 10 ms), or VenueUnknown."""
    return BinanceDialect(venue(venue_id))
