"""A child is never wider than its parent, field by field and in what it permits (P5)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from app.guardrails.errors import AmountRefused, WiderThanParent
from app.guardrails.models import Money, NodeLimits
from app.guardrails.narrowing import check_child_within_parent
from tests.guardrails.strategies import ORDERS, nodes
from tests.guardrails.support import CREDENTIAL, GRANT, NOW, changed, node, outcome, policy, usdt

_PARENT = node(
    CREDENTIAL,
    markets=("BTCUSDT", "ETHUSDT"),
    order_types=("limit",),
    sides=("buy",),
    expires_at=NOW,
)


def test_a_child_as_wide_as_its_parent_or_narrower_is_born() -> None:
    check_child_within_parent(changed(_PARENT, node_id=GRANT), _PARENT)
    narrower = changed(
        _PARENT,
        markets=(),
        order_types=(),
        sides=(),
        max_order=usdt(0),
        allocation=usdt(1),
        free_limit=usdt(0),
        expires_at=NOW - timedelta(seconds=1),
    )
    check_child_within_parent(narrower, _PARENT)
    check_child_within_parent(narrower, changed(_PARENT, expires_at=None))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("markets", ("BTCUSDT", "BTCUSDC")),
        ("markets", ("\u0412TCUSDT",)),
        ("order_types", ("limit", "market")),
        ("sides", ("sell",)),
        ("max_order", usdt("2000.00000001")),
        ("allocation", usdt("5000.00000001")),
        ("free_limit", usdt("1000.00000001")),
        ("max_order", Money(amount=Decimal(1), quote="BTC")),
        ("allocation", Money(amount=Decimal(1), quote="USDC")),
        ("free_limit", Money(amount=Decimal(0), quote="")),
        ("expires_at", NOW + timedelta(microseconds=1)),
        ("expires_at", None),
    ],
)
def test_a_wider_child_is_refused_by_the_name_of_the_field(field: str, value: Any) -> None:
    with pytest.raises(WiderThanParent) as refused:
        check_child_within_parent(changed(_PARENT, **{field: value}), _PARENT)
    assert refused.value.rule == field


@pytest.mark.parametrize("field", ["max_order", "allocation", "free_limit"])
@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal(-1), Decimal("-0"), 1.0], ids=str)
def test_an_amount_that_is_no_number_is_within_nothing(field: str, amount: Any) -> None:
    odd = changed(_PARENT, **{field: Money(amount=amount, quote="USDT")})
    for child, parent in ((odd, _PARENT), (_PARENT, odd)):
        with pytest.raises(AmountRefused):
            check_child_within_parent(child, parent)


@given(nodes(GRANT), nodes(CREDENTIAL), ORDERS)
def test_what_a_child_permits_its_parent_permits(
    child: NodeLimits, parent: NodeLimits, order: Any
) -> None:
    try:
        check_child_within_parent(child, parent)
    except WiderThanParent:
        return
    assert outcome(order, policy(child))[0] <= outcome(order, policy(parent))[0]


@given(nodes(GRANT), nodes(GRANT), nodes(GRANT))
def test_being_within_carries_over_generations(
    child: NodeLimits, parent: NodeLimits, grandparent: NodeLimits
) -> None:
    try:
        check_child_within_parent(child, parent)
        check_child_within_parent(parent, grandparent)
    except WiderThanParent:
        return
    check_child_within_parent(child, grandparent)
