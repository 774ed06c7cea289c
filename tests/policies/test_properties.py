"""What holds of every policy, every change and every moment; each was seen to fail once."""

from datetime import datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.guardrails.strength import Strength
from app.policies.errors import PolicyDenies
from app.policies.loosening import loosened, strength_of
from app.policies.models import (
    Amount,
    Band,
    Base,
    Context,
    Facts,
    Need,
    Night,
    Policy,
    Rule,
)
from app.policies.presets import PRESETS, WITH_AMOUNT
from app.policies.rules import looks_at, needed, policy_bytes, policy_of, strength_for, tidy
from tests.policies.strategies import (
    ACTIONS,
    AMOUNTS,
    FACTS,
    NEEDS,
    TIMES,
    bases,
    facts_at,
    policies,
    rules,
)

_ACTION = st.sampled_from((*ACTIONS, "no.such"))
_OTHER_CONTEXTS = st.frozensets(st.sampled_from([c for c in Context if c is not Context.NIGHT]))
_REPLACE = msgspec.structs.replace


def _about(action: str, amount: Amount | None) -> Amount | None:
    """An amount where the action has one, as `read_policy` lets bands be written."""
    return amount if action in WITH_AMOUNT else None


@given(policies(), rules(), _ACTION, FACTS)
def test_a_further_rule_never_weakens(
    policy: Policy, rule: Rule, action: str, facts: Facts
) -> None:
    more = _REPLACE(policy, rules=[*policy.rules, rule])
    assert needed(more, action, facts) >= needed(policy, action, facts)


@given(policies(), _ACTION, FACTS, st.randoms(use_true_random=False))
def test_the_order_of_rules_and_bases_does_not_matter(
    policy: Policy, action: str, facts: Facts, random: object
) -> None:
    base, listed = list(policy.base), list(policy.rules)
    random.shuffle(base)  # type: ignore[attr-defined]
    random.shuffle(listed)  # type: ignore[attr-defined]
    shuffled = _REPLACE(policy, base=base, rules=listed)
    assert needed(shuffled, action, facts) is needed(policy, action, facts)


@given(policies(), _ACTION, FACTS, st.integers(0, 4))
def test_one_denial_overrides_whatever_else_matches(
    policy: Policy, action: str, facts: Facts, place: int
) -> None:
    denial = Rule(action=action, when=sorted(facts.contexts)[:2], need=Need.DENY)
    listed = [*policy.rules[:place], denial, *policy.rules[place:]]
    assert needed(_REPLACE(policy, rules=listed), action, facts) is Need.DENY


@given(st.lists(rules(), max_size=4), _ACTION, FACTS)
def test_where_nothing_is_said_everything_is_denied(
    listed: list[Rule], action: str, facts: Facts
) -> None:
    empty = Policy(preset=None, base=[], rules=listed)
    assert needed(empty, action, facts) is Need.DENY


@given(policies(), FACTS)
def test_an_action_nobody_knows_is_denied(policy: Policy, facts: Facts) -> None:
    assert needed(policy, "no.such", facts) is Need.DENY


@given(policies(), _ACTION, FACTS, st.sampled_from([None, *Strength]))
def test_what_is_asked_is_never_below_policy_or_floor(
    policy: Policy, action: str, facts: Facts, floor: Strength | None
) -> None:
    need = needed(policy, action, facts)
    try:
        asked = strength_for(policy, floor, action, facts)
    except PolicyDenies:
        assert need is Need.DENY
        return
    assert need is not Need.DENY
    assert asked == max(Strength(need.value), floor or Strength.OUT_OF_BAND)


@given(policies(), _ACTION, FACTS, FACTS)
def test_circumstances_no_rule_looks_at_change_nothing(
    policy: Policy, action: str, facts: Facts, others: Facts
) -> None:
    seen = looks_at(policy, action)
    swapped = (facts.contexts & seen) | (others.contexts - seen)
    assert needed(policy, action, _REPLACE(facts, contexts=swapped)) is needed(
        policy, action, facts
    )


@given(policies(), _ACTION, FACTS)
def test_the_tidy_form_means_the_same_and_is_read_back(
    policy: Policy, action: str, facts: Facts
) -> None:
    clean = tidy(policy)
    assert needed(clean, action, facts) is needed(policy, action, facts)
    assert policy_of(policy_bytes(clean)) == clean == tidy(clean)


@st.composite
def _changes(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """Two policies of which one often came of the other by a small step."""
    before = draw(policies())
    if draw(st.booleans()):
        return before, draw(policies())
    after = before
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.integers(0, 4)):
            case 0:
                after = _REPLACE(after, rules=[*after.rules, draw(rules())])
            case 1 if after.rules:
                after = _REPLACE(after, rules=after.rules[1:])
            case 2 if after.base:
                raised = _REPLACE(after.base[0], need=draw(NEEDS))
                after = _REPLACE(after, base=[raised, *after.base[1:]])
            case 3:
                after = _REPLACE(after, base=draw(bases()))
            case _:
                after = _REPLACE(after, night=draw(policies()).night)
    return before, after


@given(_changes(), st.sampled_from(ACTIONS), TIMES, _OTHER_CONTEXTS, AMOUNTS)
def test_what_counts_as_tightening_lowers_nothing(
    change: tuple[Policy, Policy],
    action: str,
    moment: datetime,
    contexts: frozenset[Context],
    amount: Amount | None,
) -> None:
    before, after = change
    amount = _about(action, amount)
    old = needed(before, action, facts_at(before, moment, contexts, amount))
    new = needed(after, action, facts_at(after, moment, contexts, amount))
    if new < old:
        found = loosened(before, after)
        assert found
        # An approval of what it loosens is at least as strong as what is taken away here.
        assert strength_of(found) >= old


@given(_changes())
def test_what_counts_as_loosening_lowers_something(change: tuple[Policy, Policy]) -> None:
    before, after = change
    assume(before.time_zone == after.time_zone)
    for found in loosened(before, after):
        amount = None
        if found.amount is not None:
            amount = Amount(amount=Decimal(found.amount.amount), quote=found.amount.quote)
        elif found.action in WITH_AMOUNT:
            amount = Amount(amount=Decimal(1), quote="BTC")
        lowered = [
            (needed(before, found.action, old), needed(after, found.action, new))
            for moment in _DAY
            for old, new in [
                tuple(
                    facts_at(policy, moment, frozenset(found.when), amount)
                    for policy in (before, after)
                )
            ]
        ]
        assert (found.before, found.after) in lowered
        assert found.after < found.before


_DAY = [datetime.fromisoformat(f"2026-03-03T{h:02}:{m:02}+00:00") for h in range(24)
        for m in (0, 29, 30, 59)]  # fmt: skip


@given(policies())
@example(PRESETS["careful"])
def test_a_policy_loosens_nothing_against_itself(policy: Policy) -> None:
    assert loosened(policy, policy) == []
    assert loosened(policy, tidy(policy)) == []


def test_another_time_zone_may_loosen_wherever_night_matters() -> None:
    night = Rule(action="trade.order", when=[Context.NIGHT], need=Need.STRONG)
    base = [Base(action="trade.order", need=Need.MEDIUM)]
    here = Policy(preset=None, base=base, rules=[night], time_zone="Europe/Berlin")
    there = _REPLACE(here, time_zone="Asia/Tokyo")
    (found,) = loosened(here, there)
    assert (found.before, found.after) == (Need.STRONG, Need.MEDIUM)
    without = _REPLACE(here, rules=[])
    assert loosened(without, _REPLACE(without, time_zone="Asia/Tokyo")) == []


def test_a_longer_night_tightens_and_a_shorter_one_loosens() -> None:
    night = Rule(action="trade.order", when=[Context.NIGHT], need=Need.DENY)
    base = [Base(action="trade.order", need=Need.MEDIUM)]
    short = Policy(preset=None, base=base, rules=[night], night=Night(begins="23:00", ends="05:00"))
    long = _REPLACE(short, night=Night(begins="22:00", ends="05:00"))
    moved = _REPLACE(short, night=Night(begins="23:30", ends="05:30"))
    assert loosened(short, long) == []
    assert [item.before for item in loosened(long, short)] == [Need.DENY]
    assert len(loosened(short, moved)) == 1


def test_every_way_in_which_something_is_weaker_is_named_with_an_example() -> None:
    normal = PRESETS["normal"]
    rules = [
        Rule(action="token.lift", when=[Context.NEW_MARKET], need=Need.STRONG),
        Rule(action="token.lift", when=[Context.NEW_ADDRESS], need=Need.STRONG),
        Rule(action="trade.order", above=Band(amount="100", quote="USDT"), need=Need.STRONG),
    ]
    found = loosened(_REPLACE(normal, rules=rules), normal)
    assert [(item.action, item.when, item.amount) for item in found] == [
        ("token.lift", [Context.NEW_ADDRESS], None),
        ("token.lift", [Context.NEW_MARKET], None),
        ("trade.order", [], None),  # in a currency without a band
        ("trade.order", [], Band(amount="101", quote="USDT")),
    ]


def test_careful_only_tightens_normal_and_going_back_takes_what_it_removes() -> None:
    assert loosened(PRESETS["normal"], PRESETS["careful"]) == []
    back = loosened(PRESETS["careful"], PRESETS["normal"])
    assert strength_of(back) is Need.STRONG
    denied = loosened(PRESETS["bots_only"], PRESETS["normal"])
    assert strength_of(denied) is Need.DENY
    assert strength_of(denied).strength is Strength.PHISHING_RESISTANT


def test_needs_have_an_order_and_do_not_compare_with_words() -> None:
    assert sorted(Need, reverse=True) == list(reversed(Need))
    assert [need.value for need in Need][:-1] == [strength.value for strength in Strength]
    with pytest.raises(TypeError):
        assert Need.MEDIUM < "strong"
