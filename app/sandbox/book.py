"""One market's book: price first, then time of arrival."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from app.sandbox.money import ZERO
from app.sandbox.orders import Order, Side

Level = tuple[Decimal, Decimal]  # price, total remaining quantity


class HalfBook:
    """One side. A level is a dict by order id: insertion order is time priority, removal O(1)."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._prices: list[Decimal] = []  # ascending
        self._levels: dict[Decimal, dict[int, Order]] = {}

    def add(self, order: Order) -> None:
        level = self._levels.get(order.price)
        if level is None:
            level = self._levels[order.price] = {}
            insort(self._prices, order.price)
        level[order.order_id] = order

    def remove(self, order: Order) -> None:
        level = self._levels[order.price]
        del level[order.order_id]
        if not level:
            del self._levels[order.price]
            del self._prices[bisect_left(self._prices, order.price)]

    def best(self) -> Decimal | None:
        if not self._prices:
            return None
        return self._prices[-1] if self.side is Side.BUY else self._prices[0]

    def walk(self) -> Iterator[Order]:
        """Best price first, oldest first. The book must not change meanwhile."""
        for price in self._from_best():
            yield from self._levels[price].values()

    def depth(self, limit: int) -> list[Level]:
        return [
            (price, sum((order.remaining for order in self._levels[price].values()), ZERO))
            for price in self._from_best()[:limit]
        ]

    def _from_best(self) -> list[Decimal]:
        return self._prices[::-1] if self.side is Side.BUY else self._prices


class Book:
    def __init__(self) -> None:
        self.bids = HalfBook(Side.BUY)
        self.asks = HalfBook(Side.SELL)

    def side(self, side: Side) -> HalfBook:
        return self.bids if side is Side.BUY else self.asks

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Whether an order of this side at this price would trade at once."""
        best = self.side(side.other).best()
        return best is not None and reaches(side, price, best)


def reaches(side: Side, limit: Decimal, maker_price: Decimal) -> bool:
    """Whether `limit` accepts `maker_price`: a buyer's at or above it, a seller's at or below."""
    return limit >= maker_price if side is Side.BUY else limit <= maker_price
