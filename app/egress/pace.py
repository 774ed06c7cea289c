"""How much is asked of one venue, so that orders and cancels always get through.

Binance counts request weight per address, over all traders: 6,000 a minute (rest-api.md, LIMITS).
Scheduled reads may use half, public prices a fifth; orders and cancels are never held back here.
"""

import time
from collections.abc import Callable
from typing import Literal

from app.egress import rules
from app.egress.transport import Answer

Kind = Literal["permissions", "order", "balances", "open_orders", "ticker", "market"]

_WEIGHTS: dict[Kind, int] = {
    "permissions": 1,
    "order": 4,
    "balances": 20,
    "open_orders": 80,  # without a symbol
    "ticker": 2,
    "market": 20,
}
_PUBLIC: frozenset[Kind] = frozenset({"ticker", "market"})
_MINUTE_LIMIT = 6_000
_READS_PER_SECOND = _MINUTE_LIMIT * 0.5 / 60
_PUBLIC_PER_SECOND = _MINUTE_LIMIT * 0.2 / 60
_BURST_SECONDS = 20
_CROWDED = 0.8
"""Share of the venue's own count above which scheduled reads wait."""
_CROWDED_PAUSE_SECONDS = 5.0
_SHUT_OUT_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 300.0


class Pace:
    """The allowance of one venue. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reads = _Bucket(_READS_PER_SECOND, clock())
        self._public = _Bucket(_PUBLIC_PER_SECOND, clock())
        self._paused_until = clock()

    def take(self, kind: Kind) -> bool:
        """Take the weight of one read; False where it has to wait."""
        now = self._clock()
        if now < self._paused_until:
            return False
        bucket = self._public if kind in _PUBLIC else self._reads
        return bucket.take(_WEIGHTS[kind], now)

    def learn(self, answer: Answer) -> None:
        """Correct the allowance by what an answer tells: a refusal, or the venue's own count."""
        if rules.shuts_out(answer):
            asked = float(answer.retry_after or _SHUT_OUT_SECONDS)
            self._pause(min(asked, _LONGEST_PAUSE_SECONDS))
        elif (answer.used_weight or 0) > _CROWDED * _MINUTE_LIMIT:
            self._pause(_CROWDED_PAUSE_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock() + seconds)


class _Bucket:
    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._most = per_second * _BURST_SECONDS
        self._left = self._most
        self._at = now

    def take(self, weight: int, now: float) -> bool:
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if weight > self._left:
            return False
        self._left -= weight
        return True
