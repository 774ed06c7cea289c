"""Leases: hours since a device was seen, no longer than the parent's."""

from datetime import UTC, datetime, timedelta

import pytest

from app.guardrails.errors import GuardrailRefused, WiderThanParent
from app.guardrails.leases import check_lease, inherited_lease
from tests.guardrails.support import GRANT

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "parent", "got"),
    [(None, None, None), (5, None, 5), (None, 5, 5), (5, 5, 5), (1, 5, 1)],
)
def test_a_child_gets_what_was_asked_or_its_parents(
    asked: int | None, parent: int | None, got: int | None
) -> None:
    assert inherited_lease(asked, parent) == got


def test_a_child_is_not_trusted_for_longer_than_its_parent() -> None:
    with pytest.raises(WiderThanParent) as refused:
        inherited_lease(6, 5)
    assert refused.value.rule == "lease_hours"


@pytest.mark.parametrize(
    ("hours", "ago", "passes"),
    [
        (1, timedelta(0), True),
        (1, timedelta(hours=1), True),
        (1, timedelta(hours=1, microseconds=1), False),
        (720, timedelta(days=30), True),
        (720, timedelta(days=30, seconds=1), False),
        (1, timedelta(seconds=-2), True),
        (1, timedelta(seconds=-3), False),
        (1, None, False),
        (None, None, True),
        (None, timedelta(days=3650), True),
    ],
)
def test_a_lease_holds_for_its_hours_and_no_longer(
    hours: int | None, ago: timedelta | None, *, passes: bool
) -> None:
    seen_at = None if ago is None else NOW - ago
    if passes:
        check_lease(hours, seen_at, NOW, node_id=GRANT)
        return
    with pytest.raises(GuardrailRefused) as refused:
        check_lease(hours, seen_at, NOW, node_id=GRANT)
    assert (refused.value.rule, refused.value.node) == ("lease_expired", str(GRANT))
