"""An account: what it holds, its orders and its trades."""

from collections import defaultdict, deque
from decimal import Decimal

import msgspec

from app.sandbox.errors import insufficient_balance
from app.sandbox.money import ZERO
from app.sandbox.orders import Order, Trade

# Closed orders and trades kept per account and symbol. The venue forgets older ones, so that a
# benchmark of hours neither fills memory nor makes the snapshot slow.
HISTORY = 2_000

OrderKey = tuple[str, int]  # symbol, order id


class Balance(msgspec.Struct):
    free: Decimal = ZERO
    locked: Decimal = ZERO


class Account:
    """Not thread-safe: one event loop owns it."""

    def __init__(self, account_id: str, *, history: int = HISTORY) -> None:
        self.account_id = account_id
        self.balances: defaultdict[str, Balance] = defaultdict(Balance)
        self.open_orders: dict[OrderKey, Order] = {}
        self.update_time = 0
        self._history = history
        self._orders: dict[OrderKey, Order] = {}
        self._by_client_id: dict[tuple[str, str], Order] = {}
        self._closed: defaultdict[str, deque[Order]] = defaultdict(deque)
        self._trades: defaultdict[str, deque[Trade]] = defaultdict(lambda: deque(maxlen=history))

    def credit(self, asset: str, amount: Decimal) -> None:
        self.balances[asset].free += amount

    def lock(self, asset: str, amount: Decimal) -> None:
        """Move free to locked, or refuse with -2010."""
        balance = self.balances[asset]
        if balance.free < amount:
            raise insufficient_balance()
        balance.free -= amount
        balance.locked += amount

    def unlock(self, asset: str, amount: Decimal) -> None:
        balance = self.balances[asset]
        balance.locked -= amount
        balance.free += amount

    def pay_from_locked(self, asset: str, amount: Decimal) -> None:
        self.balances[asset].locked -= amount

    def add_order(self, order: Order) -> None:
        key = (order.symbol, order.order_id)
        self._orders[key] = order
        self._by_client_id[order.symbol, order.client_order_id] = order
        if order.is_open:
            self.open_orders[key] = order
        else:
            self._archive(order)

    def order_closed(self, order: Order) -> None:
        del self.open_orders[order.symbol, order.order_id]
        self._archive(order)

    def order(self, symbol: str, order_id: int) -> Order | None:
        return self._orders.get((symbol, order_id))

    def order_by_client_id(self, symbol: str, client_order_id: str) -> Order | None:
        """The latest with this id: an id may be used again once its order is closed."""
        return self._by_client_id.get((symbol, client_order_id))

    def orders(self, symbol: str | None = None) -> list[Order]:
        """Every order still known, oldest first."""
        known = [o for o in self._orders.values() if symbol is None or o.symbol == symbol]
        return sorted(known, key=lambda order: (order.symbol, order.order_id))

    def open_count(self, symbol: str) -> int:
        return sum(1 for order in self.open_orders.values() if order.symbol == symbol)

    def add_trade(self, trade: Trade) -> None:
        self._trades[trade.symbol].append(trade)

    def trades(self, symbol: str) -> list[Trade]:
        return list(self._trades[symbol])

    def all_trades(self) -> list[Trade]:
        return [trade for trades in self._trades.values() for trade in trades]

    def _archive(self, order: Order) -> None:
        closed = self._closed[order.symbol]
        closed.append(order)
        while len(closed) > self._history:
            oldest = closed.popleft()
            del self._orders[oldest.symbol, oldest.order_id]
            by_client = (oldest.symbol, oldest.client_order_id)
            if self._by_client_id.get(by_client) is oldest:
                del self._by_client_id[by_client]
