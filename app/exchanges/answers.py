"""Venue id to the half of the dialect that reads answers. Does not load ccxt."""

from functools import cache

from app.exchanges.binance_answers import BinanceAnswers
from app.exchanges.dialect import Answers
from app.exchanges.venues import venue


@cache
def answers_of(venue_id: str) -> Answers:
    """The answers of an enabled venue, or VenueUnknown."""
    return BinanceAnswers(venue(venue_id).id)
