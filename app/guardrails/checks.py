"""Checks before any limit is looked at: numbers are numbers, and the ladder allows the order."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from app.guardrails import amounts
from app.guardrails.errors import AmountRefused, GuardrailRefused
from app.guardrails.models import MarketView, OrderTerms, Policy, State
from app.guardrails.rungs import ALLOWED, Verb, check_rung

HOLDING_AGE = timedelta(seconds=30)
PRICE_AGE = timedelta(seconds=5)
CLOCK_SKEW = timedelta(seconds=2)
"""Data may come from a clock this far ahead of ours; further ahead, one of the two is broken."""
_MAX_PERCENT = Decimal(100)


def check_shapes(
    policy: Policy, state: State, order: OrderTerms, market: MarketView, now: datetime
) -> None:
    """Refuse anything that could make a comparison below lie.

    Raises
    ------
    GuardrailRefused
        `no_policy`: no node carries limits. `usage_unknown`: a node's usage is missing or there
        twice. `number`: a value that is not a plain decimal, or no percentage. `order_shape`: a
        limit order without price or time in force, or a market order with one. `clock`: a time
        without a zone.
    """
    if not policy.nodes:
        raise GuardrailRefused(rule="no_policy")
    node_ids = [node.node_id for node in policy.nodes]
    usage_ids = [usage.node_id for usage in state.usage]
    if len(set(node_ids)) != len(node_ids) or sorted(node_ids) != sorted(usage_ids):
        raise GuardrailRefused(rule="usage_unknown")
    if any(moment.tzinfo is None for moment in _moments(policy, state, market, now)):
        raise GuardrailRefused(rule="clock")
    _check_order_shape(order)
    _check_numbers(policy, state, order, market)


def _check_order_shape(order: OrderTerms) -> None:
    limit = order.type == "limit"
    if (order.price is not None, order.time_in_force is not None) != (limit, limit):
        raise GuardrailRefused(rule="order_shape")
    # Only what `decide` made of a market order may say that it was one.
    converted = (order.type, order.time_in_force, order.asked_as) == ("limit", "IOC", "market")
    if order.asked_as is not None and not converted:
        raise GuardrailRefused(rule="order_shape")


def _check_numbers(policy: Policy, state: State, order: OrderTerms, market: MarketView) -> None:
    try:
        for amount in _positive(order, market):
            amounts.check_amount(amount, zero=False)
        for amount in _limits(policy):
            amounts.check_amount(amount, zero=True)
        for amount in _sums(state):
            amounts.check_amount(
                amount, zero=True, digits=amounts.SUM_DIGITS, decimals=amounts.SUM_DECIMALS
            )
    except AmountRefused:
        raise GuardrailRefused(rule="number") from None
    if max(policy.collar_percent, policy.limit_band_percent) >= _MAX_PERCENT:
        raise GuardrailRefused(rule="number")


def check_ladder(state: State, order: OrderTerms, market: MarketView, now: datetime) -> None:
    """Refuse what the worst rung on the path does not allow.

    On `reduce_only` an order passes that sells the market's base, of which at least that much is
    held and not already being sold, as seen at most 30 s ago.

    Raises
    ------
    RungForbids
        The rung allows no orders.
    GuardrailRefused
        `reduce_only`: the order is not covered by a fresh holding.
    """
    if Verb.ORDER in ALLOWED[state.rung]:
        return
    check_rung(state.rung, Verb.REDUCE, node_id=state.rung_node)
    held = [holding for holding in state.holdings if holding.asset == market.base]
    covered = (
        order.side == "sell"
        and len(held) == 1
        and -CLOCK_SKEW <= now - held[0].as_of <= HOLDING_AGE
        and amounts.plus(held[0].pending_sell, order.quantity) <= held[0].free
    )
    if not covered:
        node = None if state.rung_node is None else str(state.rung_node)
        raise GuardrailRefused(rule="reduce_only", node=node)


def _moments(policy: Policy, state: State, market: MarketView, now: datetime) -> Iterator[datetime]:
    yield from (now, market.as_of)
    yield from (holding.as_of for holding in state.holdings)
    yield from (node.expires_at for node in policy.nodes if node.expires_at is not None)


def _positive(order: OrderTerms, market: MarketView) -> Iterator[Decimal]:
    yield from (order.quantity, market.bid, market.ask)
    optional = (
        order.price,
        market.last,
        market.tick_size,
        market.min_price,
        market.max_price,
        market.step_size,
        market.min_quantity,
        market.max_quantity,
        market.min_notional,
        market.max_notional,
    )
    yield from (value for value in optional if value is not None)


def _limits(policy: Policy) -> Iterator[Decimal]:
    yield from (policy.collar_percent, policy.limit_band_percent)
    for node in policy.nodes:
        yield from (node.max_order.amount, node.allocation.amount, node.free_limit.amount)


def _sums(state: State) -> Iterator[Decimal]:
    for usage in state.usage:
        yield from (usage.reserved, usage.filled)
    for holding in state.holdings:
        yield from (holding.free, holding.pending_sell)
