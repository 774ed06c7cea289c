"""Prices of the last 24 hours, kept as one bucket per minute."""

from collections import deque
from decimal import Decimal

import msgspec

from app.sandbox.money import ZERO

MINUTE_MS = 60_000
DAY_MINUTES = 24 * 60


class Bucket(msgspec.Struct, kw_only=True):
    minute: int
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    count: int = 0
    first_trade_id: int = -1


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The rolling day as `ticker/24hr` shows it; trade ids are -1 when nothing traded."""

    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    quote_volume: Decimal
    count: int
    first_trade_id: int


class Ticker:
    def __init__(self, price: Decimal) -> None:
        self.last_price = price
        self.last_quantity = ZERO
        self._buckets: deque[Bucket] = deque()

    def mark(self, price: Decimal) -> None:
        """A new price without a trade: the operator of the sandbox moved the market."""
        self.last_price = price

    def trade(
        self, *, price: Decimal, quantity: Decimal, quote: Decimal, trade_id: int, now: int
    ) -> None:
        minute = now // MINUTE_MS
        if not self._buckets or self._buckets[-1].minute != minute:
            self._drop_old(minute)
            self._buckets.append(Bucket(minute=minute, open=price, high=price, low=price))
        bucket = self._buckets[-1]
        bucket.high = max(bucket.high, price)
        bucket.low = min(bucket.low, price)
        bucket.volume += quantity
        bucket.quote_volume += quote
        bucket.count += 1
        if bucket.first_trade_id < 0:
            bucket.first_trade_id = trade_id
        self.last_price = price
        self.last_quantity = quantity

    def window(self, now: int) -> Window:
        self._drop_old(now // MINUTE_MS)
        last, buckets = self.last_price, self._buckets
        return Window(
            open=buckets[0].open if buckets else last,
            high=max((bucket.high for bucket in buckets), default=last),
            low=min((bucket.low for bucket in buckets), default=last),
            volume=sum((bucket.volume for bucket in buckets), ZERO),
            quote_volume=sum((bucket.quote_volume for bucket in buckets), ZERO),
            count=sum(bucket.count for bucket in buckets),
            first_trade_id=buckets[0].first_trade_id if buckets else -1,
        )

    def _drop_old(self, minute: int) -> None:
        while self._buckets and self._buckets[0].minute <= minute - DAY_MINUTES:
            self._buckets.popleft()
