"""Venue id to dialect. Imports ccxt; a process that only reads answers uses `answers`."""

from collections.abc import Callable
from functools import cache

from app.exchanges.binance import BinanceDialect
from app.exchanges.binance_futures.requests import FuturesDialect
from app.exchanges.bingx.requests import BingxDialect
from app.exchanges.bitget.requests import BitgetDialect
from app.exchanges.bitmex.requests import BitmexDialect
from app.exchanges.bitvavo.requests import BitvavoDialect
from app.exchanges.bybit.requests import BybitDialect
from app.exchanges.coinbase.requests import CoinbaseDialect
from app.exchanges.dialect import Dialect
from app.exchanges.kraken.requests import KrakenDialect
from app.exchanges.okx.requests import OkxDialect
from app.exchanges.onetrading.requests import OneTradingDialect
from app.exchanges.venues import DialectName, Venue, spoken

_DIALECTS: dict[DialectName, Callable[[Venue], Dialect]] = {
    "binance": BinanceDialect,
    "kraken": KrakenDialect,
    "bybit": BybitDialect,
    "okx": OkxDialect,
    "bitmex": BitmexDialect,
    "bitvavo": BitvavoDialect,
    "onetrading": OneTradingDialect,
    "bitget": BitgetDialect,
    "bingx": BingxDialect,
    "binance-futures": FuturesDialect,
    "coinbase": CoinbaseDialect,
}


@cache
def dialect_of(venue_id: str) -> Dialect:
    """The dialect of a venue, made once per process (about 10 ms), or VenueUnknown.

    That there is one does not make a venue tradable: `venues.venue` decides what can be linked.
    """
    row, name = spoken(venue_id)
    return _DIALECTS[name](row)
