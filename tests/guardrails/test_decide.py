"""One order against the rules of its path: each rule, at its limit and one step beyond."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.guardrails.errors import GuardrailRefused, VenueFilterRefused
from app.guardrails.models import Holding, Money, OrderTerms, Permit, RequireApproval
from app.guardrails.rungs import Rung
from tests.guardrails.support import (
    CREDENTIAL,
    GRANT,
    NOW,
    changed,
    decided,
    limit,
    market,
    node,
    outcome,
    policy,
    rule_of,
    state,
    usdt,
    view,
)


def test_a_small_order_is_permitted_as_it_was_asked() -> None:
    assert decided(limit("0.02")) == Permit(order=limit("0.02"), notional=usdt(1000))


def test_an_order_above_the_free_limit_needs_an_approval() -> None:
    verdict = decided(limit("0.02001"))
    assert isinstance(verdict, RequireApproval)
    assert verdict.node_id == CREDENTIAL
    assert (verdict.order, verdict.notional) == (limit("0.02001"), usdt("1000.5"))


def test_one_node_with_a_lower_free_limit_is_enough_to_ask() -> None:
    limits = policy(node(CREDENTIAL), node(GRANT, free_limit=usdt(0)))
    assert outcome(limit("0.001"), limits) == (1, None, str(GRANT))


@pytest.mark.parametrize("tight", [CREDENTIAL, GRANT])
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("markets", (), "markets"),
        ("markets", ("ETHUSDT",), "markets"),
        ("markets", ("btcusdt",), "markets"),
        ("markets", ("\u0412TCUSDT",), "markets"),
        ("order_types", (), "order_types"),
        ("order_types", ("market",), "order_types"),
        ("sides", (), "sides"),
        ("sides", ("sell",), "sides"),
        ("max_order", usdt("499.99999999"), "max_order"),
        ("max_order", usdt(0), "max_order"),
        ("allocation", usdt("499.99999999"), "allocation"),
        ("max_order", Money(amount=Decimal(2000), quote="BTC"), "quote_mismatch"),
        ("allocation", Money(amount=Decimal(5000), quote="USDC"), "quote_mismatch"),
        ("free_limit", Money(amount=Decimal(1000), quote="usdt"), "quote_mismatch"),
        ("expires_at", NOW, "expired"),
        ("expires_at", NOW - timedelta(days=1), "expired"),
    ],
)
def test_any_node_of_the_path_refuses_by_rule_and_name(
    tight: UUID, field: str, value: Any, rule: str
) -> None:
    other = GRANT if tight == CREDENTIAL else CREDENTIAL
    limits = policy(node(other), changed(node(tight), **{field: value}))
    assert outcome(limit(), limits) == (0, rule, str(tight))


def test_every_limit_includes_its_own_value() -> None:
    exact = {"max_order": usdt(500), "allocation": usdt(500), "free_limit": usdt(500)}
    limits = policy(node(**exact, expires_at=NOW + timedelta(microseconds=1)))
    assert decided(limit(), limits) == Permit(order=limit(), notional=usdt(500))


@pytest.mark.parametrize(("reserved", "filled"), [("4500", "0"), ("0", "4500"), ("4000", "500")])
def test_what_is_reserved_and_what_is_filled_both_count(reserved: str, filled: str) -> None:
    limits, fits = policy(node()), state(policy(node()))
    used = changed(fits.usage[0], reserved=Decimal(reserved), filled=Decimal(filled))
    assert rule_of(limit(), limits, at=changed(fits, usage=(used,))) is None
    more = changed(used, filled=used.filled + Decimal("0.00000001"))
    assert rule_of(limit(), limits, at=changed(fits, usage=(more,))) == "allocation"


def test_usage_in_another_currency_is_not_the_budgets_usage() -> None:
    limits, fits = policy(node()), state(policy(node()))
    wrong = changed(fits.usage[0], quote="BTC")
    assert rule_of(limit(), limits, at=changed(fits, usage=(wrong,))) == "quote_mismatch"


def test_no_nodes_or_no_usage_means_no() -> None:
    limits = policy(node())
    usage = state(limits).usage
    assert rule_of(limit(), changed(limits, nodes=())) == "no_policy"
    for wrong in ((), usage * 2, (changed(usage[0], node_id=CREDENTIAL),)):
        assert rule_of(limit(), limits, at=state(limits, usage=wrong)) == "usage_unknown"
    twice = changed(limits, nodes=limits.nodes * 2)
    assert rule_of(limit(), twice, at=state(limits, usage=usage * 2)) == "usage_unknown"


@pytest.mark.parametrize(
    ("age", "rule"),
    [
        (timedelta(0), None),
        (timedelta(seconds=5), None),
        (timedelta(seconds=5, microseconds=1), "price_stale"),
        (timedelta(days=400), "price_stale"),
        (timedelta(seconds=-2), None),
        (timedelta(seconds=-2, microseconds=-1), "price_from_future"),
    ],
)
def test_a_price_is_used_for_five_seconds(age: timedelta, rule: str | None) -> None:
    assert rule_of(limit(), prices=view(as_of=NOW - age)) == rule


def test_a_time_without_a_zone_is_a_broken_clock() -> None:
    naive = datetime(2026, 11, 21, 1, 2, 3)  # noqa: DTZ001 - that is the point
    held = Holding(asset="BTC", free=Decimal(1), pending_sell=Decimal(0), as_of=naive)
    assert rule_of(limit(), now=naive) == "clock"
    assert rule_of(limit(), prices=view(as_of=naive)) == "clock"
    assert rule_of(limit(), policy(node(expires_at=naive))) == "clock"
    assert rule_of(limit(), at=state(holdings=(held,))) == "clock"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"market": "ETHUSDT"}, "market_mismatch"),
        ({"trading": False}, "market_closed"),
        ({"bid": Decimal("50000.01")}, "price_crossed"),
        ({"quote": "USDC"}, "quote_mismatch"),
    ],
)
def test_another_closed_or_crossed_market_refuses(changes: dict[str, Any], rule: str) -> None:
    assert rule_of(limit(), prices=view(**changes)) == rule


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (limit(price="55000"), None),
        (limit(price="55000.01"), "price_band"),
        (limit(price="1000.00"), None),
        (limit(side="sell", price="44999.99"), "price_band"),
        (limit("0.002", side="sell", price="45000.00"), None),
        (limit("0.002", side="sell", price="900000.00"), None),
    ],
)
def test_a_limit_order_may_not_reach_far_through_the_book(
    order: OrderTerms, rule: str | None
) -> None:
    assert rule_of(order) == rule


def test_a_sell_counts_what_it_may_fetch_not_what_it_asks() -> None:
    verdict = decided(limit("0.01", "45000", side="sell"))
    assert verdict.notional == usdt(500)


def test_a_market_buy_becomes_an_immediate_limit_at_the_collar() -> None:
    verdict = decided(market("0.01"))
    assert verdict.notional == usdt(505)
    assert verdict.order == limit("0.01", "50500", time_in_force="IOC", asked_as="market")


def test_a_market_sell_becomes_an_immediate_limit_at_the_collar() -> None:
    verdict = decided(market("0.01", side="sell"))
    # 49999.99 - 1 % = 49499.9901, and the next tick towards the market
    assert verdict.order.price == Decimal("49500.00")
    assert (verdict.order.time_in_force, verdict.notional) == ("IOC", usdt(500))


def test_the_collar_of_a_market_order_counts_against_every_limit() -> None:
    assert rule_of(market(), policy(node(max_order=usdt("504.99")))) == "max_order"
    assert rule_of(market(), policy(node(max_order=usdt("505")))) is None
    assert outcome(market(), policy(node(free_limit=usdt("504.99"))))[0] == 1


def test_the_order_types_of_a_node_mean_what_the_bot_asked_for() -> None:
    only_limit, only_market = (
        policy(node(order_types=("limit",))),
        policy(node(order_types=("market",))),
    )
    assert rule_of(market(), only_limit) == "order_types"
    verdict = decided(market(), only_market)
    assert decided(verdict.order, only_market) == verdict
    assert rule_of(verdict.order, only_limit) == "order_types"


def test_an_approved_market_order_goes_out_as_it_was_shown_though_the_price_moved() -> None:
    shown = decided(market()).order
    moved = view(bid=Decimal("49800.00"), ask=Decimal("49800.01"))
    assert decided(shown, prices=moved).order == shown
    crashed = view(bid=Decimal("40000.00"), ask=Decimal("40000.01"))
    assert rule_of(shown, prices=crashed) == "price_band"


@pytest.mark.parametrize(
    "order",
    [
        limit(time_in_force=None),
        changed(limit(), price=None),
        market(price=Decimal(50000)),
        market(time_in_force="IOC"),
        market(asked_as="market"),
        market(asked_as="limit"),
        limit(asked_as="market"),
        limit(time_in_force="IOC", asked_as="limit"),
        limit(type="stop_loss"),
        market(type="stop_loss"),
    ],
)
def test_an_order_of_no_known_shape_refuses(order: OrderTerms) -> None:
    assert rule_of(order) in {"order_shape", "order_types"}


@pytest.mark.parametrize(
    ("order", "prices", "name"),
    [
        (limit(price="50000.001"), view(), "tick_size"),
        (limit("0.010001"), view(), "step_size"),
        (limit(price="50000"), view(min_price=Decimal("50000.01")), "min_price"),
        (limit(price="50000"), view(max_price=Decimal("49999.99")), "max_price"),
        (limit("0.01"), view(min_quantity=Decimal("0.01001")), "min_quantity"),
        (limit("0.01"), view(max_quantity=Decimal("0.00999")), "max_quantity"),
        (limit("0.00009"), view(), "min_notional"),
        (limit("0.01"), view(max_notional=Decimal("499.99")), "max_notional"),
        (market("0.010001"), view(), "step_size"),
        (market("0.00009"), view(), "min_notional"),
    ],
)
def test_what_the_venue_would_not_take_is_refused_and_never_rounded(
    order: OrderTerms, prices: Any, name: str
) -> None:
    with pytest.raises(VenueFilterRefused) as refused:
        decided(order, prices=prices)
    assert (refused.value.rule, refused.value.filter_name) == ("venue_filter", name)


def test_a_venue_without_filters_takes_any_plain_size() -> None:
    names = ["tick_size", "min_price", "max_price", "step_size"]
    names += ["min_quantity", "max_quantity", "min_notional", "max_notional"]
    free = view(**dict.fromkeys(names))
    assert rule_of(limit("0.000000000000000001", "50000.123456789"), prices=free) is None
    assert rule_of(market("0.000001"), prices=free) is None


def _holding(**changes: Any) -> Holding:
    held = Holding(asset="BTC", free=Decimal(1), pending_sell=Decimal("0.99"), as_of=NOW)
    return changed(held, **changes)


@pytest.mark.parametrize(
    ("order", "holdings", "passes"),
    [
        (limit(side="sell"), (_holding(),), True),
        (market(side="sell"), (_holding(),), True),
        (limit("0.01001", side="sell"), (_holding(),), False),
        (limit(side="buy"), (_holding(),), False),
        (limit(side="sell"), (), False),
        (limit(side="sell"), (_holding(), _holding()), False),
        (limit(side="sell"), (_holding(asset="USDT"),), False),
        (limit(side="sell"), (_holding(as_of=NOW - timedelta(seconds=30)),), True),
        (limit(side="sell"), (_holding(as_of=NOW - timedelta(seconds=31)),), False),
        (limit(side="sell"), (_holding(as_of=NOW + timedelta(seconds=3)),), False),
    ],
)
def test_reduce_only_sells_what_is_held_and_no_more(
    order: OrderTerms, holdings: tuple[Holding, ...], *, passes: bool
) -> None:
    at = state(rung=Rung.REDUCE_ONLY, rung_node=CREDENTIAL, holdings=holdings)
    expected = (2, None, None) if passes else (0, "reduce_only", str(CREDENTIAL))
    assert outcome(order, at=at) == expected


@pytest.mark.parametrize("rung", [Rung.CANCEL_ONLY, Rung.READ_ONLY, Rung.FROZEN, Rung.REVOKED])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_below_reduce_only_no_order_passes(rung: Rung, side: str) -> None:
    at = state(rung=rung, rung_node=GRANT, holdings=(_holding(),))
    assert outcome(limit(side=side), at=at) == (0, rung.value, str(GRANT))


_BAD = ["NaN", "sNaN", "Infinity", "-Infinity", "-0", "-1", "1E+18", "1E-41"]


@pytest.mark.parametrize("bad", [*map(Decimal, _BAD), 0.5, 1, True, "1"], ids=str)
def test_no_number_anywhere_may_be_anything_but_a_plain_decimal(bad: Any) -> None:
    limits, usage = policy(node()), state(policy(node())).usage[0]
    held = _holding()
    places: list[tuple[str, dict[str, Any]]] = [
        (name, {"order": changed(limit(), **{name: bad})}) for name in ("quantity", "price")
    ]
    places += [
        (name, {"prices": view(**{name: bad})})
        for name in ("bid", "ask", "last", "tick_size", "step_size", "min_price", "max_notional")
    ]
    places += [
        (name, {"limits": policy(node(**{name: Money(amount=bad, quote="USDT")}))})
        for name in ("max_order", "allocation", "free_limit")
    ]
    places += [
        (name, {"limits": changed(limits, **{name: bad})})
        for name in ("collar_percent", "limit_band_percent")
    ]
    if str(bad) != "1E+18":  # sums may be larger than amounts
        places += [
            (name, {"at": state(limits, usage=(changed(usage, **{name: bad}),)), "limits": limits})
            for name in ("reserved", "filled")
        ]
        places += [
            (name, {"at": state(holdings=(changed(held, **{name: bad}),))})
            for name in ("free", "pending_sell")
        ]
    for name, named in places:
        assert rule_of(**named) == "number", name


@pytest.mark.parametrize("percent", [Decimal(100), Decimal(1000)])
def test_a_collar_or_a_band_is_less_than_all_of_the_price(percent: Decimal) -> None:
    assert rule_of(limit(), policy(collar_percent=percent)) == "number"
    assert rule_of(limit(), policy(limit_band_percent=percent)) == "number"


def test_a_refusal_is_a_domain_error_with_a_stable_code() -> None:
    with pytest.raises(GuardrailRefused) as refused:
        decided(limit(), policy(node(markets=())))
    assert (refused.value.code, refused.value.rule) == ("guardrail_refused", "markets")
