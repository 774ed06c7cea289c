"""What a new order would do to the book, worked out before anything moves.

The plan is complete before it is executed: fill-or-kill and the check of funds look at it, and a
refused order has touched nothing.
"""

from decimal import Decimal

import msgspec

from app.sandbox.book import Book, reaches
from app.sandbox.money import ZERO, floor_to, trunc8
from app.sandbox.orders import NewOrder, Order, OrderType, SelfTrade


class PlannedFill(msgspec.Struct, frozen=True):
    maker: Order
    quantity: Decimal
    cost: Decimal  # quote, cut to eight places; the same number leaves one and reaches the other


class Plan(msgspec.Struct):
    fills: list[PlannedFill]
    expired_makers: list[Order]
    taker_expired: bool = False
    exhausted: bool = False  # the book ended before the order was satisfied

    @property
    def quantity(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((fill.cost for fill in self.fills), ZERO)


def plan_match(book: Book, new: NewOrder, *, account_id: str, step: Decimal) -> Plan:
    """Walk the other side in price-time priority until the order is satisfied or stopped."""
    plan = Plan(fills=[], expired_makers=[])
    left = new.quantity or new.quote_quantity
    for maker in book.side(new.side.other).walk():
        if left <= 0:
            break
        if new.type is not OrderType.MARKET and not reaches(new.side, new.price, maker.price):
            break
        if maker.account_id == account_id and new.self_trade is not SelfTrade.NONE:
            if new.self_trade is not SelfTrade.EXPIRE_TAKER:
                plan.expired_makers.append(maker)
            if new.self_trade is not SelfTrade.EXPIRE_MAKER:
                plan.taker_expired = True
                break
            continue
        quantity = _take(maker, left, by_quote=not new.quantity, step=step)
        if quantity == 0:
            break
        cost = trunc8(maker.price * quantity)
        plan.fills.append(PlannedFill(maker, quantity, cost))
        left -= quantity if new.quantity else cost
    else:
        plan.exhausted = left > 0
    return plan


def _take(maker: Order, left: Decimal, *, by_quote: bool, step: Decimal) -> Decimal:
    if not by_quote:
        return min(maker.remaining, left)
    # Compared as a product first: the quotient of a huge budget would not fit the context.
    if maker.remaining * maker.price <= left:
        return maker.remaining
    return floor_to(left / maker.price, step)
