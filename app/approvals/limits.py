"""What a grant may do, as a value: what it has, what a path leaves of it, what is narrower (P5).

Amounts are the decimal strings of the action; networks and markets are lists of texts.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from app.approvals.actions import Amount, BotGrant
from app.core import networks
from app.guardrails.amounts import parse_amount
from app.guardrails.errors import WiderThanParent
from app.guardrails.models import Money, NodeLimits
from app.guardrails.narrowing import check_child_within_parent

_NOBODY = UUID(int=0)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one grant, or of a path taken together."""

    markets: list[str]
    allocation: Amount
    max_order: Amount
    free_limit: Amount
    expires_at: datetime
    scope: list[str]
    ip_networks: list[str]
    lease_hours: int | None = None


FIELDS = Limits.__struct_fields__


def limits_of(action: BotGrant) -> Limits:
    return Limits(**{name: getattr(action, name) for name in FIELDS})


def narrowed(action: BotGrant, limits: Limits) -> BotGrant:
    """The same grant with other limits; who calls has checked that they are narrower."""
    return msgspec.structs.replace(action, **{name: getattr(limits, name) for name in FIELDS})


def check_within(child: Limits, parent: Limits) -> None:
    """Raise WiderThanParent, its rule the first field in which `child` has more than `parent`."""
    check_child_within_parent(_node(child), _node(parent))
    if not set(child.scope) <= set(parent.scope):
        raise WiderThanParent(rule="scope")
    if not networks.is_within(child.ip_networks, parent.ip_networks):
        raise WiderThanParent(rule=networks.FIELD)
    if parent.lease_hours is not None and (
        child.lease_hours is None or child.lease_hours > parent.lease_hours
    ):
        raise WiderThanParent(rule="lease_hours")


def in_force(path: Sequence[Limits]) -> Limits:
    """The limits that a path of grants leaves, parent first: the tightest of each field.

    Raises
    ------
    WiderThanParent
        Two of them share no address or no currency: nothing is left.
    """
    left = path[0]
    for item in path[1:]:
        shared = networks.in_force([left.ip_networks, item.ip_networks])
        if shared == []:
            raise WiderThanParent(rule=networks.FIELD)
        left = Limits(
            markets=sorted(set(left.markets) & set(item.markets)),
            allocation=_least(left.allocation, item.allocation, "allocation"),
            max_order=_least(left.max_order, item.max_order, "max_order"),
            free_limit=_least(left.free_limit, item.free_limit, "free_limit"),
            expires_at=min(left.expires_at, item.expires_at),
            scope=sorted(set(left.scope) & set(item.scope)),
            ip_networks=shared or [],
            lease_hours=min(
                (hours for hours in (left.lease_hours, item.lease_hours) if hours is not None),
                default=None,
            ),
        )
    return left


def decimal_of(amount: Amount) -> Decimal:
    """The number of an amount; a limit may be "0"."""
    return Decimal(0) if amount.amount == "0" else parse_amount(amount.amount)


def _least(one: Amount, other: Amount, field: str) -> Amount:
    if one.quote != other.quote:
        raise WiderThanParent(rule=field)
    return one if decimal_of(one) <= decimal_of(other) else other


def _node(limits: Limits) -> NodeLimits:
    return NodeLimits(
        node_id=_NOBODY,
        markets=tuple(limits.markets),
        max_order=_money(limits.max_order),
        allocation=_money(limits.allocation),
        free_limit=_money(limits.free_limit),
        expires_at=limits.expires_at,
    )


def _money(amount: Amount) -> Money:
    return Money(amount=decimal_of(amount), quote=amount.quote)
