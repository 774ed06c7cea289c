"""The house: an account like any other that quotes both sides around the base price.

Sizes come from the seed and the symbol alone, so two venues with one seed have one book.
"""

import random
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from app.sandbox.engine import HOUSE, Exchange, LiveMarket
from app.sandbox.filters import check_price
from app.sandbox.markets import ASSETS
from app.sandbox.money import ZERO, floor_to
from app.sandbox.orders import NewOrder, Order, OrderType, Side, TimeInForce

BPS = Decimal(10_000)
HOUSE_FUNDS = Decimal(1_000_000_000_000)  # of each asset; never near its end


class Quote(msgspec.Struct):
    """One level the house wants to show, and the order that shows it."""

    side: Side
    price: Decimal
    quantity: Decimal
    order: Order | None = None


class House:
    def __init__(self, exchange: Exchange, *, seed: int) -> None:
        self._exchange = exchange
        self._seed = seed
        self._ladders: dict[str, list[Quote]] = {}
        self._account = exchange.accounts[HOUSE]
        for asset in ASSETS:
            exchange.credit(self._account, asset, HOUSE_FUNDS)

    def open_markets(self) -> None:
        for symbol in self._exchange.markets:
            self._quote(self._exchange.markets[symbol])

    def move(self, symbol: str, price: Decimal) -> None:
        """Set the base price: trade with whoever it runs over, then quote around it."""
        live = self._exchange.market(symbol)
        check_price(live.rules, price)
        for quote in self._ladders.pop(symbol, []):
            if quote.order is not None and quote.order.is_open:
                self._exchange.cancel(quote.order)
        live.base_price = price
        self._run_over(live, Side.SELL, price)
        self._run_over(live, Side.BUY, price)
        live.ticker.mark(price)
        self._quote(live)

    def refill(self, symbol: str) -> None:
        """Show again what was taken, except where it would trade with a resting order."""
        live = self._exchange.market(symbol)
        if not live.rules.quoting.refills:
            return
        for quote in self._ladders[symbol]:
            order = quote.order
            if order is None or not order.is_open:
                quote.order = self._show(live, quote.side, quote.price, quote.quantity)
            elif order.executed:
                self._exchange.cancel(order)
                quote.order = self._show(live, quote.side, quote.price, quote.quantity)

    def _quote(self, live: LiveMarket) -> None:
        ladder = ladder_for(live, seed=self._seed)
        self._ladders[live.rules.symbol] = ladder
        for quote in ladder:
            quote.order = self._show(live, quote.side, quote.price, quote.quantity)

    def _show(
        self, live: LiveMarket, side: Side, price: Decimal, quantity: Decimal
    ) -> Order | None:
        if live.book.crosses(side, price):
            return None
        order, _ = self._exchange.place(
            self._account,
            live.rules.symbol,
            NewOrder(
                client_order_id=f"house-{live.next_order_id}",
                side=side,
                type=OrderType.LIMIT_MAKER,
                price=price,
                quantity=quantity,
            ),
        )
        return order

    def _run_over(self, live: LiveMarket, side: Side, price: Decimal) -> None:
        """Take every resting order that `price` reaches, at those orders' own prices."""
        against = [
            order.remaining
            for order in live.book.side(side.other).walk()
            if (order.price >= price if side is Side.SELL else order.price <= price)
        ]
        if not against:
            return
        self._exchange.place(
            self._account,
            live.rules.symbol,
            NewOrder(
                client_order_id=f"house-{live.next_order_id}",
                side=side,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC,
                price=price,
                quantity=sum(against, ZERO),
            ),
        )


def ladder_for(live: LiveMarket, *, seed: int) -> list[Quote]:
    """Bids and asks alternately from the inside out; a level below one tick is left out."""
    rules, quoting = live.rules, live.rules.quoting
    rng = random.Random(f"{seed}/{rules.symbol}")  # noqa: S311 - repeatable sizes, not secrets
    ladder = []
    for level in range(quoting.levels):
        away = (quoting.half_spread_bps + level * quoting.spacing_bps) / BPS
        for side, factor in ((Side.BUY, 1 - away), (Side.SELL, 1 + away)):
            rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
            ticks = (live.base_price * factor / rules.tick).to_integral_value(rounding=rounding)
            size = floor_to(quoting.lot * rng.randrange(50, 151) / 100, rules.step)
            price = ticks * rules.tick
            if rules.min_price <= price <= rules.max_price and size > 0:
                ladder.append(Quote(side, price, size))
    return ladder
