"""What an action needs as things are: the policy's rules over the facts of this moment.

Only what a rule speaks of is looked up, so that a policy without such rules costs nothing.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.core.canonical import parse_canonical
from app.core.errors import Malformed
from app.db.pool import Tx
from app.guardrails.amounts import parse_amount
from app.guardrails.errors import AmountRefused
from app.guardrails.strength import Strength
from app.policies import rules, store
from app.policies.models import Amount, Context, Facts, Policy, Standing
from app.policies.presets import DEFAULT, PRESETS

YOUNG = timedelta(hours=24)
"""A device is young for so long after it was bound."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, from where and when, and since when the device that decides is bound.

    `bound_at` is None before a device decides. `now` is the time of the question, or of the
    decision or execution that is being judged.
    """

    asked_from: str | None
    asked_at: datetime
    now: datetime
    bound_at: datetime | None = None


def policy_in(standing: Standing) -> Policy:
    """The policy that stands; a trader without one has the preset everybody starts with."""
    return PRESETS[DEFAULT] if standing.row is None else rules.policy_of(standing.row.policy)


async def strength_needed(
    tx: Tx, standing: Standing, trader_id: UUID, action_type: str, action: bytes, moment: Moment
) -> Strength:
    """The strength that an approval of this action must have, at this moment.

    Raises
    ------
    PolicyDenies
        The policy does not let it happen as things are, or speaks of no such action.
    """
    policy, facts = policy_in(standing), Facts()
    if rules.has_rules(policy, action_type):
        about = about_of(action)
        facts = await facts_of(tx, policy, trader_id, action_type, about, moment)
    return rules.strength_for(policy, standing.floor, action_type, facts)


async def facts_of(
    tx: Tx, policy: Policy, trader_id: UUID, action_type: str, about: "About", moment: Moment
) -> Facts:
    """As much as this policy looks at for this type of action."""
    looked_at, found = rules.looks_at(policy, action_type), set()
    if Context.NIGHT in looked_at and rules.is_night(policy, moment.now):
        found.add(Context.NIGHT)
    if Context.YOUNG_DEVICE in looked_at and is_young(moment.bound_at, moment.now):
        found.add(Context.YOUNG_DEVICE)
    if Context.NEW_MARKET in looked_at and about.markets:
        new = await store.is_new_market(tx, trader_id, about.venue, about.markets, moment.asked_at)
        found |= {Context.NEW_MARKET} if new else set()
    if Context.NEW_ADDRESS in looked_at:
        new = await store.is_new_address(tx, trader_id, moment.asked_from, moment.asked_at)
        found |= {Context.NEW_ADDRESS} if new else set()
    return Facts(contexts=frozenset(found), amount=about.amount)


def is_young(bound_at: datetime | None, now: datetime) -> bool:
    """Whether the device that decides was bound in the last 24 hours; no device is no answer."""
    return bound_at is not None and now - bound_at < YOUNG


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What rules may look at in an action: where it trades, and for how much."""

    venue: str
    markets: list[str]
    amount: Amount | None


def about_of(action: bytes) -> About:
    """Where an action trades and for how much: an order's worth, a grant's allocation.

    Raises
    ------
    Malformed
        Not the canonical bytes of an action.
    """
    fields = parse_canonical(action)
    if not isinstance(fields, dict):
        raise Malformed
    # An order has its market inside, a grant several, what a platform does itself one or none.
    order, one = fields.get("order"), fields.get("market")
    if isinstance(order, dict):
        markets = [order.get("market")]
    else:
        markets = fields.get("markets", [] if one is None else [one])
    amount = fields.get("notional", fields.get("allocation"))
    return About(
        venue=str(fields.get("venue", "")),
        markets=[str(market) for market in markets],
        amount=None if amount is None else _amount(amount),
    )


def _amount(fields: Any) -> Amount | None:
    # A number that cannot be read is in doubt: without one, every band counts as passed.
    try:
        return Amount(amount=parse_amount(fields["amount"]), quote=fields["quote"])
    except (AmountRefused, KeyError, TypeError):
        return None
