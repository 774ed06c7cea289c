"""The decision about one order: permit, require an approval, or refuse by raising."""

from datetime import datetime
from decimal import Decimal

from app.guardrails import amounts, checks
from app.guardrails.errors import GuardrailRefused
from app.guardrails.filters import check_filters
from app.guardrails.models import (
    MarketView,
    Money,
    NodeLimits,
    OrderTerms,
    Permit,
    Policy,
    RequireApproval,
    State,
    Verdict,
)

_FINEST = Decimal("1E-18")
"""Step of a price where the venue names no tick: the last decimal `amounts` takes."""


def decide(
    policy: Policy, state: State, order: OrderTerms, market: MarketView, now: datetime
) -> Verdict:
    """Decide about `order` at `now` (aware UTC), in the steps below.

    A refusal by any rule of any node overrides every permit, so the order of the nodes does not
    matter. A market order comes back as a limit order, immediate or cancel, at the collar: that
    is what is shown, approved and sent. Give the order of the verdict in again to decide anew at
    execution; it is not converted twice.

    Raises
    ------
    GuardrailRefused
        `rule` and, where one node refused, `node`.
    """
    # (1) every number is a number; no nodes, no answer
    checks.check_shapes(policy, state, order, market, now)
    # (2) the containment ladder
    checks.check_ladder(state, order, market, now)
    # (3) the market is the one meant, open, and its price fresh
    _check_market(order, market, now)
    # (4) what each node allows at all
    nodes = sorted(policy.nodes, key=lambda node: node.node_id)
    for node in nodes:
        _check_node(node, order, market, now)
    # (5) the order that would really be sent, and the venue's filters on it
    sent, price = _sent(policy, order, market)
    check_filters(market, price=price, quantity=sent.quantity)
    # (6) its size, against every node's limit and what is left of every node's budget
    notional = _notional(sent, price, market)
    for node in nodes:
        _check_size(node, state, notional)
    # (7) whether somebody has to say so
    money = Money(amount=notional, quote=market.quote)
    for node in nodes:
        if notional > node.free_limit.amount:
            return RequireApproval(order=sent, notional=money, node_id=node.node_id)
    return Permit(order=sent, notional=money)


def _check_market(order: OrderTerms, market: MarketView, now: datetime) -> None:
    if order.market != market.market:
        raise GuardrailRefused(rule="market_mismatch")
    if not market.trading:
        raise GuardrailRefused(rule="market_closed")
    if not market.bid <= market.ask:
        raise GuardrailRefused(rule="price_crossed")
    if now - market.as_of > checks.PRICE_AGE:
        raise GuardrailRefused(rule="price_stale")
    if market.as_of - now > checks.CLOCK_SKEW:
        raise GuardrailRefused(rule="price_from_future")


def _check_node(node: NodeLimits, order: OrderTerms, market: MarketView, now: datetime) -> None:
    quotes = {node.max_order.quote, node.allocation.quote, node.free_limit.quote}
    allowed = {
        "expired": node.expires_at is None or now < node.expires_at,
        "markets": order.market in node.markets,
        "order_types": (order.asked_as or order.type) in node.order_types,
        "sides": order.side in node.sides,
        # A limit in one currency says nothing about an order in another.
        "quote_mismatch": quotes == {market.quote},
    }
    for rule, is_allowed in allowed.items():
        if not is_allowed:
            raise GuardrailRefused(rule=rule, node=str(node.node_id))


def _sent(policy: Policy, order: OrderTerms, market: MarketView) -> tuple[OrderTerms, Decimal]:
    """The limit order that goes out, and its price."""
    if order.type == "market":
        price = _collar(policy.collar_percent, order, market)
        return (
            OrderTerms(
                market=order.market,
                side=order.side,
                type="limit",
                quantity=order.quantity,
                price=price,
                time_in_force="IOC",
                asked_as="market",
            ),
            price,
        )
    if order.price is None:
        raise GuardrailRefused(rule="order_shape")
    if not _is_in_band(policy.limit_band_percent, order.side, order.price, market):
        raise GuardrailRefused(rule="price_band")
    return order, order.price


def _collar(percent: Decimal, order: OrderTerms, market: MarketView) -> Decimal:
    """The worst price a market order may get, on a tick, never beyond `percent`."""
    step = market.tick_size or _FINEST
    if order.side == "buy":
        price = amounts.floor_to(_above(market.ask, percent), step)
    else:
        price = amounts.ceil_to(_below(market.bid, percent), step)
    if not price:
        raise GuardrailRefused(rule="price_band")
    return amounts.tidy(price)


def _is_in_band(percent: Decimal, side: str, price: Decimal, market: MarketView) -> bool:
    # A limit order far through the book is a market order without a collar: in a thin market it
    # hands the account to whoever stands on the other side.
    if side == "buy":
        return price <= _above(market.ask, percent)
    return price >= _below(market.bid, percent)


def _above(price: Decimal, percent: Decimal) -> Decimal:
    return amounts.plus(price, amounts.share(price, percent))


def _below(price: Decimal, percent: Decimal) -> Decimal:
    return amounts.EXACT.subtract(price, amounts.share(price, percent))


def _notional(order: OrderTerms, price: Decimal, market: MarketView) -> Decimal:
    """The most the order can turn over, in quote: a sell may fill above its limit."""
    worst = price if order.side == "buy" else max(price, market.ask)
    return amounts.tidy(amounts.times(worst, order.quantity))


def _check_size(node: NodeLimits, state: State, notional: Decimal) -> None:
    usage = next(item for item in state.usage if item.node_id == node.node_id)
    used = amounts.plus(usage.reserved, usage.filled, notional)
    allowed = {
        "quote_mismatch": usage.quote == node.allocation.quote,
        "max_order": notional <= node.max_order.amount,
        "allocation": used <= node.allocation.amount,
    }
    for rule, is_allowed in allowed.items():
        if not is_allowed:
            raise GuardrailRefused(rule=rule, node=str(node.node_id))
