"""From rows to the guardrails' words and back: no decision is made here."""

from decimal import Decimal

import msgspec

from app.approvals.actions import BotGrant, read_action
from app.deciding.witness import rung_of
from app.exchanges.models import VenueOrder
from app.guardrails.amounts import parse_amount, plain
from app.guardrails.checks import PRICE_AGE
from app.guardrails.models import (
    Holding,
    MarketView,
    Money,
    NodeLimits,
    NodeUsage,
    OrderTerms,
    Policy,
    State,
)
from app.guardrails.presets import NORMAL
from app.signing.errors import MarketUnknown
from app.signing.rows import Begun, OrderRow


def limits_of(begun: Begun) -> BotGrant:
    """What a person approved when the grant was made; the MAC covers these bytes."""
    return read_action(begun.grant.limits, BotGrant)


def policy(begun: Begun) -> Policy:
    """The limits on the path. In this version the grant is the one node that carries limits."""
    approved = limits_of(begun)
    return Policy(
        nodes=(
            NodeLimits(
                node_id=begun.grant.grant_id,
                markets=tuple(approved.markets),
                max_order=_money(approved.max_order.amount, approved.max_order.quote),
                allocation=_money(approved.allocation.amount, approved.allocation.quote),
                free_limit=_money(approved.free_limit.amount, approved.free_limit.quote),
                expires_at=begun.grant.expires_at,
            ),
        ),
        required=dict(NORMAL),
    )


def state(begun: Begun) -> State:
    used = {(u.token_id, u.quote): u.notional for u in begun.usage}
    quote = limits_of(begun).allocation.quote
    node_id = begun.grant.grant_id
    return State(
        rung=rung_of(begun.level),
        usage=(
            NodeUsage(
                node_id=node_id,
                quote=quote,
                reserved=used.get((node_id, quote), Decimal(0)),
                filled=Decimal(0),
            ),
        ),
        holdings=tuple(
            Holding(asset=b.asset, free=b.free, pending_sell=begun.pending_sell, as_of=b.as_of)
            for b in begun.balances
        ),
    )


def market_view(begun: Begun) -> MarketView:
    """Price and filters of the market meant, or raise MarketUnknown."""
    price, snapshot = begun.price, begun.snapshot
    if price is None or snapshot is None or snapshot.market != price.market:
        raise MarketUnknown(retry_after_seconds=1)
    # The guardrails refuse an old price too; said here, it tells the bot when to come back.
    if begun.now - price.as_of > PRICE_AGE:
        raise MarketUnknown(rule="price_stale", retry_after_seconds=1)
    return MarketView(
        market=snapshot.market,
        base=snapshot.base,
        quote=snapshot.quote,
        trading=snapshot.trading,
        bid=price.bid,
        ask=price.ask,
        as_of=price.as_of,
        **msgspec.structs.asdict(snapshot.filters),
    )


def venue_order(terms: OrderTerms, client_order_id: str) -> VenueOrder:
    return VenueOrder(
        market=terms.market,
        side=terms.side,
        type=terms.type,
        quantity=terms.quantity,
        price=terms.price,
        time_in_force=terms.time_in_force,
        client_order_id=client_order_id,
    )


def with_terms(order: OrderRow, terms: OrderTerms, notional: Money) -> OrderRow:
    return msgspec.structs.replace(
        order,
        market=terms.market,
        side=terms.side,
        order_type=terms.type,
        quantity=terms.quantity,
        price=terms.price,
        time_in_force=terms.time_in_force,
        notional=notional.amount,
        quote=notional.quote,
    )


def amount_text(money: Money) -> str:
    return plain(money.amount)


def _money(amount: str, quote: str) -> Money:
    return Money(amount=Decimal(0) if amount == "0" else parse_amount(amount), quote=quote)
