"""What a policy would have said: of what was decided, of what was sent unasked, of one action.

Reads only. Circumstances are those of then, as far as they are still known: an order that nobody
was asked about left no address, so to rules that look at addresses it came from a new one.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from app.approvals import needs, store
from app.approvals.batching import judged
from app.db.pool import Tx
from app.orders import store as orders
from app.orders.models import OrderState
from app.policies.models import Amount, Facts, Need, Policy
from app.policies.rules import has_rules, needed

_ORDER = "trade.order"
_SENT = frozenset(OrderState) - {OrderState.REFUSED, OrderState.HELD, OrderState.EXPIRED}


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One approval or order of the past. `asked` is None where nobody was asked."""

    subject_id: UUID
    action_type: str
    at: datetime
    asked: Need | None
    would: Need | None
    """What it would need; None is an order that would be sent unasked, as it was."""


async def replay(tx: Tx, policy: Policy, trader_id: UUID, last: int) -> list[Replayed]:
    """The `last` decided approvals and the `last` orders sent without one, newest first."""
    found = [await _approval(tx, policy, item) for item in await store.decided(tx, trader_id, last)]
    for order in await orders.unasked(tx, trader_id, _SENT, last):
        facts = Facts()
        if has_rules(policy, _ORDER):
            amount = None
            if order.notional is not None and order.quote is not None:
                amount = Amount(amount=order.notional, quote=order.quote)
            about = needs.About(venue=order.venue_id, markets=[order.market or ""], amount=amount)
            moment = needs.Moment(asked_from=None, asked_at=order.created_at, now=order.created_at)
            facts = await needs.facts_of(tx, policy, trader_id, _ORDER, about, moment)
        denied = needed(policy, _ORDER, facts) is Need.DENY
        found.append(
            Replayed(
                subject_id=order.order_id,
                action_type=_ORDER,
                at=order.created_at,
                asked=None,
                would=Need.DENY if denied else None,
            )
        )
    return sorted(found, key=lambda item: item.at, reverse=True)


async def _approval(tx: Tx, policy: Policy, decided: store.Decided) -> Replayed:
    approval, would = decided.approval, []
    moment = needs.Moment(
        asked_from=approval.asked_from,
        asked_at=approval.created_at,
        now=decided.decided_at,
        bound_at=decided.bound_at,
    )
    for kind, action in judged(approval):
        facts = Facts()
        if has_rules(policy, kind):
            about = needs.about_of(action)
            facts = await needs.facts_of(tx, policy, approval.trader_id, kind, about, moment)
        would.append(needed(policy, kind, facts))
    return Replayed(
        subject_id=approval.approval_id,
        action_type=approval.action_type,
        at=decided.decided_at,
        asked=Need(approval.required_strength),
        would=max(would),
    )
