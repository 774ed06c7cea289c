"""A child is born no wider than its parent (P5)."""

from app.guardrails.amounts import check_amount
from app.guardrails.errors import WiderThanParent
from app.guardrails.models import Money, NodeLimits


def check_child_within_parent(child: NodeLimits, parent: NodeLimits) -> None:
    """Compare field by field.

    Raises
    ------
    WiderThanParent
        `rule` is the first field in which the child is wider, or has another quote currency.
    AmountRefused
        An amount of either is not a plain decimal.
    """
    within = {
        "markets": set(child.markets) <= set(parent.markets),
        "order_types": set(child.order_types) <= set(parent.order_types),
        "sides": set(child.sides) <= set(parent.sides),
        "max_order": _is_within(child.max_order, parent.max_order),
        "allocation": _is_within(child.allocation, parent.allocation),
        "free_limit": _is_within(child.free_limit, parent.free_limit),
        # None is "never expires", the widest there is.
        "expires_at": parent.expires_at is None
        or (child.expires_at is not None and child.expires_at <= parent.expires_at),
    }
    for field, is_within in within.items():
        if not is_within:
            raise WiderThanParent(rule=field)


def _is_within(child: Money, parent: Money) -> bool:
    check_amount(child.amount, zero=True)
    check_amount(parent.amount, zero=True)
    return child.quote == parent.quote and child.amount <= parent.amount
