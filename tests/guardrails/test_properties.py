"""What holds for every policy, order and price."""

import ast
import decimal
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app.exchanges
import app.guardrails
from app.guardrails.errors import GuardrailRefused
from app.guardrails.models import NodeLimits, OrderTerms, Policy, State
from app.guardrails.rungs import Rung
from app.guardrails.strength import Strength
from tests.guardrails.strategies import ORDERS, nodes
from tests.guardrails.support import (
    NOW,
    changed,
    decided,
    limit,
    market,
    node,
    outcome,
    policy,
    state,
    usdt,
    view,
)

_PATHS = st.integers(1, 4).flatmap(
    lambda length: st.tuples(*(nodes(UUID(int=place + 1)) for place in range(length)))
)
_USED = st.dictionaries(
    st.integers(1, 4).map(lambda place: UUID(int=place)),
    st.sampled_from([0, 1, 400, 4500, 5000]).map(Decimal),
)


@given(_PATHS, _USED, ORDERS, st.randoms())
def test_the_order_of_the_nodes_does_not_matter(
    path: tuple[NodeLimits, ...],
    used: dict[UUID, Decimal],
    order: OrderTerms,
    shuffle: random.Random,
) -> None:
    limits = policy(*path)
    at = state(limits, used=used)
    mixed_nodes, mixed_usage = list(limits.nodes), list(at.usage)
    shuffle.shuffle(mixed_nodes)
    shuffle.shuffle(mixed_usage)
    mixed = changed(limits, nodes=tuple(mixed_nodes)), changed(at, usage=tuple(mixed_usage))
    assert outcome(order, limits, at=at) == outcome(order, mixed[0], at=mixed[1])


@given(_PATHS, nodes(UUID(int=9)), ORDERS)
def test_another_node_on_the_path_never_permits_more(
    path: tuple[NodeLimits, ...], more: NodeLimits, order: OrderTerms
) -> None:
    assert outcome(order, policy(*path, more))[0] <= outcome(order, policy(*path))[0]


@given(_PATHS, ORDERS)
def test_one_refusing_node_refuses_whatever_the_others_say(
    path: tuple[NodeLimits, ...], order: OrderTerms
) -> None:
    ranks = [outcome(order, policy(each))[0] for each in path]
    assert outcome(order, policy(*path))[0] == min(ranks)


_TIGHTER_NODE: list[Any] = [
    lambda item, by: changed(item, max_order=usdt(item.max_order.amount * by)),
    lambda item, by: changed(item, allocation=usdt(item.allocation.amount * by)),
    lambda item, by: changed(item, free_limit=usdt(item.free_limit.amount * by)),
    lambda item, _: changed(item, markets=item.markets[1:]),
    lambda item, _: changed(item, order_types=item.order_types[1:]),
    lambda item, _: changed(item, sides=item.sides[1:]),
    lambda item, _: changed(item, expires_at=min(item.expires_at or NOW, NOW)),
]
_TIGHTER_STATE: list[Any] = [
    lambda at: changed(at, usage=tuple(changed(u, reserved=u.reserved + 100) for u in at.usage)),
    lambda at: changed(at, usage=tuple(changed(u, filled=u.filled + 100) for u in at.usage)),
    lambda at: changed(at, usage=at.usage[1:]),
    *(lambda at, rung=rung: changed(at, rung=rung) for rung in Rung),
]
_TIGHTER_POLICY: list[Any] = [
    lambda limits: changed(limits, limit_band_percent=Decimal(1)),
    lambda limits: changed(limits, limit_band_percent=Decimal(0)),
    lambda limits: changed(limits, nodes=()),
]


@given(
    path=_PATHS,
    used=_USED,
    order=ORDERS,
    place=st.integers(0, 3),
    tighten=st.sampled_from(_TIGHTER_NODE),
    by=st.sampled_from([Decimal(0), Decimal("0.5"), Decimal("0.99")]),
)
def test_tightening_a_node_never_turns_a_refusal_into_a_permit(
    path: tuple[NodeLimits, ...],
    used: dict[UUID, Decimal],
    order: OrderTerms,
    place: int,
    tighten: Any,
    by: Decimal,
) -> None:
    place %= len(path)
    tighter = (*path[:place], tighten(path[place], by), *path[place + 1 :])
    at = state(policy(*path), used=used)
    loose = outcome(order, policy(*path), at=at)[0]
    assert outcome(order, policy(*tighter), at=at)[0] <= loose


@given(_PATHS, _USED, ORDERS, st.sampled_from(_TIGHTER_STATE), st.sampled_from(_TIGHTER_POLICY))
def test_tightening_anything_else_never_permits_more(
    path: tuple[NodeLimits, ...],
    used: dict[UUID, Decimal],
    order: OrderTerms,
    worsen: Any,
    tighten: Any,
) -> None:
    limits = policy(*path)
    at: State = state(limits, used=used)
    loose = outcome(order, limits, at=at)[0]
    assert outcome(order, limits, at=worsen(at))[0] <= loose
    assert outcome(order, tighten(limits), at=at)[0] <= loose
    assert outcome(order, limits, NOW + timedelta(hours=1), at=at)[0] == 0


@given(
    quantities=st.lists(st.integers(10, 4_000), min_size=1, max_size=60),
    kind=st.sampled_from([limit, market]),
    side=st.sampled_from(["buy", "sell"]),
    allocation=st.sampled_from([400, 500, 505, 5000]),
)
def test_splitting_an_order_never_gets_more_than_the_allocation(
    quantities: list[int], kind: Any, side: str, allocation: int
) -> None:
    limits = policy(node(UUID(int=1), allocation=usdt(allocation)), node(UUID(int=2)))
    reserved = dict.fromkeys((UUID(int=1), UUID(int=2)), Decimal(0))
    for steps in quantities:
        order = kind(Decimal(steps).scaleb(-5), side=side)
        try:
            verdict = decided(order, limits, at=state(limits, used=reserved))
        except GuardrailRefused:
            continue
        reserved = {name: used + verdict.notional.amount for name, used in reserved.items()}
    assert reserved[UUID(int=1)] <= allocation


@given(ORDERS, st.integers(1, 10_000_000), st.integers(0, 1_000), st.integers(0, 9_999))
def test_what_goes_out_is_never_worse_than_the_collar_and_decides_the_same_again(
    order: OrderTerms, bid: int, spread: int, collar: int
) -> None:
    best_bid, best_ask = Decimal(bid).scaleb(-2), Decimal(bid + spread).scaleb(-2)
    percent = Decimal(collar).scaleb(-2)
    prices = view(bid=best_bid, ask=best_ask, min_notional=None, max_price=None)
    limits: Policy = policy(
        node(max_order=usdt(10**9), allocation=usdt(10**9)),
        collar_percent=percent,
        limit_band_percent=Decimal("99.99"),
    )
    try:
        verdict = decided(order, limits, prices=prices)
    except GuardrailRefused:
        return
    sent = verdict.order
    assert sent.price is not None
    assert (sent.market, sent.side, sent.quantity) == (order.market, order.side, order.quantity)
    if order.type == "market":
        worst_buy = best_ask * (1 + percent / 100)
        worst_sell = best_bid * (1 - percent / 100)
        assert sent.price <= worst_buy if order.side == "buy" else sent.price >= worst_sell
        assert (sent.price * 100) % 1 == 0
        assert (sent.type, sent.time_in_force) == ("limit", "IOC")
    else:
        assert sent == order
    assert verdict.notional.amount >= sent.price * sent.quantity
    assert decided(sent, limits, prices=prices) == verdict


@given(_PATHS, ORDERS, st.integers(1, 6))
def test_a_thread_with_another_decimal_context_decides_the_same(
    path: tuple[NodeLimits, ...], order: OrderTerms, precision: int
) -> None:
    usual = outcome(order, policy(*path))
    with decimal.localcontext(decimal.Context(prec=precision, rounding=decimal.ROUND_UP)):
        assert outcome(order, policy(*path)) == usual


def test_strengths_have_an_order_and_do_not_compare_with_words() -> None:
    assert sorted(Strength, reverse=True) == list(reversed(Strength))
    assert Strength.OUT_OF_BAND < Strength.MEDIUM < Strength.STRONG < Strength.PHISHING_RESISTANT
    with pytest.raises(TypeError):
        assert Strength.MEDIUM < "strong"


def _sources() -> Iterator[Path]:
    for room in (app.guardrails, app.exchanges):
        yield from Path(next(iter(room.__path__))).rglob("*.py")


@pytest.mark.parametrize(
    "source", list(_sources()), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_no_float_is_written_named_or_divided_into_being(source: Path) -> None:
    for part in ast.walk(ast.parse(source.read_text())):
        assert not (isinstance(part, ast.Constant) and isinstance(part.value, float))
        assert not (isinstance(part, ast.Name) and part.id == "float")
        assert not (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div))
