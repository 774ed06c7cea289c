"""Venue id to the half of the dialect that reads answers. Does not load ccxt."""

from collections.abc import Callable
from functools import cache

from app.exchanges.binance_answers import BinanceAnswers
from app.exchanges.binance_futures.answers import FuturesAnswers
from app.exchanges.bingx.answers import BingxAnswers
from app.exchanges.bitget.answers import BitgetAnswers
from app.exchanges.bitmex.answers import BitmexAnswers
from app.exchanges.bitvavo.answers import BitvavoAnswers
from app.exchanges.bybit.answers import BybitAnswers
from app.exchanges.coinbase.answers import CoinbaseAnswers
from app.exchanges.dialect import Answers
from app.exchanges.kraken.answers import KrakenAnswers
from app.exchanges.okx.answers import OkxAnswers
from app.exchanges.onetrading.answers import OneTradingAnswers
from app.exchanges.venues import DialectName, Venue, spoken

_ANSWERS: dict[DialectName, Callable[[Venue], Answers]] = {
    "binance": lambda row: BinanceAnswers(row.id),
    "kraken": lambda row: KrakenAnswers(row.id),
    "bybit": BybitAnswers,
    "binance-futures": FuturesAnswers,
    "bitget": lambda row: BitgetAnswers(row.id),
    "bingx": lambda row: BingxAnswers(row.id),
    "bitvavo": lambda row: BitvavoAnswers(row.id),
    "onetrading": lambda row: OneTradingAnswers(row.id),
    "bitmex": lambda row: BitmexAnswers(row.id),
    "okx": lambda row: OkxAnswers(row.id),
    "coinbase": lambda row: CoinbaseAnswers(row.id),
}


@cache
def answers_of(venue_id: str) -> Answers:
    """The answers of a venue whose dialect we speak, or VenueUnknown."""
    row, name = spoken(venue_id)
    return _ANSWERS[name](row)
