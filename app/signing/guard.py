"""From rows to the guardrails' words and back: no decision is made here."""

from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from app.approvals.actions import Amount, BotGrant, read_action
from app.core import networks
from app.deciding.witness import rung_of
from app.exchanges.models import VenueOrder
from app.grants.models import Grant
from app.guardrails.amounts import parse_amount, plain
from app.guardrails.checks import PRICE_AGE
from app.guardrails.errors import GuardrailRefused
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
from app.signing.errors import MarketUnknown
from app.signing.rows import Begun, OrderRow
from app.vault.errors import EvidenceForged

GRANTS_FROM: Final = 2
"""Where the grants of a path begin: after the root and the credential."""


def limits_of(grant: Grant) -> BotGrant:
    """What a person approved when the grant was made; the MAC covers these bytes."""
    return _approved(grant.limits)


@lru_cache(maxsize=4096)
def _approved(limits: bytes) -> BotGrant:
    # Reading canonical bytes costs more than deciding by them. What is kept is their meaning, the
    # same for ever; whether they are the grant's is verified in the HSM every time.
    return read_action(limits, BotGrant)


def policy(begun: Begun) -> Policy:
    """The limits on the path: those of the grant and of every grant above it (P5).

    Raises
    ------
    EvidenceForged
        A grant of the path is not there, so that its limits are not known.
    """
    above = begun.grant.path[GRANTS_FROM:-1]
    if [grant.grant_id for grant in begun.ancestors] != above:
        raise EvidenceForged
    nodes = tuple(_limits(grant) for grant in (*begun.ancestors, begun.grant))
    return Policy(nodes=nodes)


def check_origin(begun: Begun, address: str | None) -> None:
    """Refuse an order that comes from outside an address list of the grant or of one above it.

    The edge has compared the address with the rows. Here it is compared with what the MAC covers,
    so that a row that somebody widened lets nobody trade.

    Raises
    ------
    GuardrailRefused
        With the rule `ip_networks`, and the grant whose list it is.
    """
    for grant in (*begun.ancestors, begun.grant):
        if not networks.allows([limits_of(grant).ip_networks], address):
            raise GuardrailRefused(rule=networks.FIELD, node=str(grant.grant_id))


def _limits(grant: Grant) -> NodeLimits:
    approved = limits_of(grant)
    return NodeLimits(
        node_id=grant.grant_id,
        markets=tuple(approved.markets),
        # A grant that may only read has no kind of order.
        order_types=("limit", "market") if "order" in approved.scope else (),
        max_order=_money(approved.max_order),
        allocation=_money(approved.allocation),
        free_limit=_money(approved.free_limit),
        expires_at=grant.expires_at,
    )


def state(begun: Begun) -> State:
    used = {(u.token_id, u.quote): u.notional for u in begun.usage}
    nodes = [
        (grant.grant_id, limits_of(grant).allocation.quote)
        for grant in (*begun.ancestors, begun.grant)
    ]
    return State(
        rung=rung_of(begun.level),
        usage=tuple(
            NodeUsage(
                node_id=node_id,
                quote=quote,
                reserved=used.get((node_id, quote), Decimal(0)),
                filled=Decimal(0),
            )
            for node_id, quote in nodes
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


def _money(shown: Amount) -> Money:
    amount = Decimal(0) if shown.amount == "0" else parse_amount(shown.amount)
    return Money(amount=amount, quote=shown.quote)
