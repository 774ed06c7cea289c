"""Request weight per address and unfilled orders per account, in fixed windows.

Source: rest-api.md ("LIMITS") and faqs/order_count_decrement.md: an order that trades gives its
count back.
"""

from collections import defaultdict

import msgspec

from app.sandbox.errors import too_many_orders, too_much_weight

MINUTE_MS = 60_000
TEN_SECONDS_MS = 10_000
DAY_MS = 86_400_000


class Limits(msgspec.Struct, frozen=True):
    """The venue's published budgets; 0 switches one off, for benchmarks."""

    weight_per_minute: int = 6_000
    orders_per_10_seconds: int = 50
    orders_per_day: int = 160_000


class Window:
    """Counts per name that start again when the clock enters the next window."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._number = -1
        self._used: defaultdict[str, int] = defaultdict(int)

    def add(self, name: str, amount: int, now: int) -> int:
        number = now // self._length_ms
        if number != self._number:
            self._number = number
            self._used.clear()
        self._used[name] = max(0, self._used[name] + amount)
        return self._used[name]

    def seconds_left(self, now: int) -> int:
        return -((now % self._length_ms - self._length_ms) // 1_000)


class Meter:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._weight = Window(MINUTE_MS)
        self._ten_seconds = Window(TEN_SECONDS_MS)
        self._day = Window(DAY_MS)

    def charge(self, address: str, weight: int, now: int) -> int:
        """Count the request; the used weight, or -1003."""
        used = self._weight.add(address, weight, now)
        limit = self.limits.weight_per_minute
        if limit and used > limit:
            raise too_much_weight(limit, self._weight.seconds_left(now))
        return used

    def check_orders(self, account_id: str, now: int) -> None:
        """Raise -1015 when the account has no order left in one of the windows."""
        for window, limit, name in (
            (self._ten_seconds, self.limits.orders_per_10_seconds, "10 SECOND"),
            (self._day, self.limits.orders_per_day, "1 DAY"),
        ):
            if limit and window.add(account_id, 0, now) >= limit:
                raise too_many_orders(limit, name, window.seconds_left(now))

    def count_order(self, account_id: str, now: int, *, amount: int = 1) -> tuple[int, int]:
        """Orders used in ten seconds and in the day, after adding `amount`."""
        return (
            self._ten_seconds.add(account_id, amount, now),
            self._day.add(account_id, amount, now),
        )
