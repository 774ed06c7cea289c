"""Which request a fault strikes: counted, drawn, and the same again with the same seed."""

from datetime import UTC, datetime, timedelta

import pytest

from mock_push.faults.book import MAX_FAULTS, Faults
from mock_push.faults.catalogue import KINDS
from mock_push.faults.models import FaultOrder
from mock_push.status import InvalidArgumentError, NotFoundError

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def struck(faults: Faults, target: str, requests: int, now: datetime = NOW) -> list[bool]:
    return [faults.strike("fcm", target, "answer", now=now) is not None for _ in range(requests)]


def with_fault(seed: int | None = 7, **order: object) -> Faults:
    faults = Faults(seed)
    faults.set(FaultOrder(channel="fcm", kind="unavailable", **order), now=NOW)  # type: ignore[arg-type]
    return faults


def test_the_same_seed_strikes_the_same_requests() -> None:
    first, again, other = (struck(with_fault(seed, share=0.3), "a", 200) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_the_order_in_which_phones_come_changes_nothing() -> None:
    apart, mixed = with_fault(share=0.3), with_fault(share=0.3)
    expected = struck(apart, "a", 50), struck(apart, "b", 50)
    seen: tuple[list[bool], list[bool]] = ([], [])
    for _ in range(50):
        seen[1].extend(struck(mixed, "b", 1))
        seen[0].extend(struck(mixed, "a", 1))
    assert seen == expected
    assert expected[0] != expected[1]


def test_a_share_of_ten_percent_strikes_about_ten_percent() -> None:
    faults = with_fault(share=0.1)
    assert 400 < sum(struck(faults, "a", 5000)) < 600
    [fault] = faults.all()
    assert fault.met == 5000
    assert fault.fired == sum(struck(with_fault(share=0.1), "a", 5000))


def test_without_a_seed_one_is_drawn() -> None:
    assert Faults().seed != Faults().seed


def test_skip_and_times_are_counted() -> None:
    assert struck(with_fault(skip=2, times=3), "a", 7) == [
        False,
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_skip_is_counted_for_each_phone() -> None:
    faults = with_fault(skip=1)
    assert [struck(faults, phone, 2) for phone in ("a", "b")] == [[False, True], [False, True]]


def test_a_target_is_the_only_one_struck() -> None:
    faults = with_fault(target="a")
    assert struck(faults, "b", 2) == [False, False]
    assert struck(faults, "a", 1) == [True]


def test_a_phones_own_fault_comes_before_those_for_all() -> None:
    faults = with_fault()
    own = faults.set(FaultOrder(channel="fcm", kind="internal", target="a"), now=NOW)
    assert faults.strike("fcm", "a", "answer", now=NOW) is own


def test_a_fault_ends_by_itself() -> None:
    faults = with_fault(lasts_seconds=10.0)
    assert struck(faults, "a", 1, NOW + timedelta(seconds=9.9)) == [True]
    assert struck(faults, "a", 1, NOW + timedelta(seconds=10)) == [False]


def test_a_cleared_fault_strikes_no_more() -> None:
    faults = with_fault()
    faults.clear("f1")
    assert struck(faults, "a", 1) == [False]
    with pytest.raises(NotFoundError):
        faults.clear("f1")


def test_the_list_of_faults_is_bounded() -> None:
    faults = Faults()
    order = FaultOrder(channel="fcm", kind="internal")
    for _ in range(MAX_FAULTS):
        faults.set(order, now=NOW)
    with pytest.raises(InvalidArgumentError, match="clear some"):
        faults.set(order, now=NOW)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (FaultOrder(channel="smtp", kind="unregistered"), "smtp has no fault 'unregistered'"),
        (FaultOrder(channel="fcm", kind="reset", seconds=1.0), "takes no seconds"),
        (FaultOrder(channel="fcm", kind="reset", retry_after_seconds=1), "names no time"),
        (FaultOrder(channel="smtp", kind="no_starttls", target="a@b"), "has no target"),
        (FaultOrder(channel="fcm", kind="offline", times=1), "counts no requests"),
    ],
)
def test_a_value_that_would_be_ignored_is_refused(order: FaultOrder, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        Faults().set(order, now=NOW)


def test_every_kind_can_be_set() -> None:
    faults = Faults()
    for kind in KINDS:
        order = FaultOrder(channel=kind.channel, kind=kind.kind)
        assert faults.set(order, now=NOW).seconds == (kind.seconds or 0.0)
