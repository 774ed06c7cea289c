"""The containment ladder, written out: what each rung lets happen."""

from itertools import pairwise

import pytest

from app.guardrails.errors import RungForbids
from app.guardrails.rungs import ALLOWED, Rung, Verb, check_rung
from tests.guardrails.support import GRANT

_LADDER = [
    Rung.ACTIVE,
    Rung.REDUCE_ONLY,
    Rung.CANCEL_ONLY,
    Rung.READ_ONLY,
    Rung.FROZEN,
    Rung.REVOKED,
]
# One row per verb, one column per rung of the ladder, mildest first; "+" is allowed.
_TABLE = """
order     + - - - - -
reduce    + + - - - -
cancel    + + + - - -
read      + + + + - -
approve   + + + + - -
heartbeat + + + + - -
sign_in   + - - - - -
mint      + - - - - -
widen     + - - - - -
enrol     + - - - - -
link      + - - - - -
rotate    + - - - - -
redeem    + - - - - -
lift      + + + + + -
deny      + + + + + +
tighten   + + + + + +
clean_up  + + + + + +
"""
_CELLS = [
    (rung, Verb(row.split()[0]), mark == "+")
    for row in _TABLE.strip().splitlines()
    for rung, mark in zip(_LADDER, row.split()[1:], strict=True)
]


def test_the_table_below_has_every_verb_and_every_rung() -> None:
    assert {(rung, verb) for rung, verb, _ in _CELLS} == {(r, v) for r in Rung for v in Verb}
    assert set(ALLOWED) == set(Rung)


@pytest.mark.parametrize(("rung", "verb", "allowed"), _CELLS)
def test_each_rung_allows_what_the_table_says(rung: Rung, verb: Verb, *, allowed: bool) -> None:
    if allowed:
        check_rung(rung, verb, node_id=GRANT)
        return
    with pytest.raises(RungForbids) as refused:
        check_rung(rung, verb, node_id=GRANT)
    assert (refused.value.rule, refused.value.node) == (rung.value, str(GRANT))


def test_every_step_down_only_takes_away() -> None:
    for milder, worse in pairwise(_LADDER):
        assert ALLOWED[worse] <= ALLOWED[milder]
        assert milder < worse
    assert max(_LADDER) is Rung.REVOKED


def test_a_rung_does_not_compare_with_its_own_word() -> None:
    with pytest.raises(TypeError):
        assert Rung.ACTIVE < "revoked"
