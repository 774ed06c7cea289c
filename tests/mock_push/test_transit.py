"""What befalls a message between accepted and arrived."""

from datetime import UTC, datetime, timedelta

import pytest

from mock_push.transit import Carriage, Transit

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_nothing_befalls_most_messages() -> None:
    assert Transit[str]().accept("a", None, NOW) == ["a"]


def test_a_duplicate_arrives_twice() -> None:
    assert Transit[str]().accept("a", Carriage("duplicate"), NOW) == ["a", "a"]


@pytest.mark.parametrize("kind", ["drop", "expire"])
def test_a_lost_message_never_arrives(kind: str) -> None:
    transit = Transit[str]()
    assert transit.accept("a", Carriage(kind), NOW) == []  # type: ignore[arg-type]
    assert transit.due(at(1e6)) == []
    assert len(transit) == 0


def test_a_delayed_message_arrives_when_it_is_due() -> None:
    transit = Transit[str]()
    assert transit.accept("a", Carriage("delay", 10), NOW) == []
    assert transit.seconds_to_next(at(4)) == 6
    assert transit.due(at(9.9)) == []
    assert transit.due(at(10)) == ["a"]
    assert transit.seconds_to_next(at(10)) is None


def test_a_shorter_delay_overtakes_a_longer_one() -> None:
    transit = Transit[str]()
    transit.accept("slow", Carriage("delay", 10), NOW)
    transit.accept("quick", Carriage("delay", 5), NOW)
    assert transit.due(at(20)) == ["quick", "slow"]


def test_the_next_message_overtakes_a_reordered_one() -> None:
    transit = Transit[str]()
    assert transit.accept("a", Carriage("reorder", 5), NOW) == []
    assert transit.accept("b", None, at(1)) == ["b", "a"]


def test_a_reordered_message_does_not_wait_for_ever() -> None:
    transit = Transit[str]()
    transit.accept("a", Carriage("reorder", 5), NOW)
    assert transit.due(at(5)) == ["a"]


def test_reordering_every_message_changes_places_in_pairs() -> None:
    transit = Transit[str]()
    arrived = [transit.accept(name, Carriage("reorder", 5), NOW) for name in "abcd"]
    assert arrived == [[], ["b", "a"], [], ["d", "c"]]


def test_a_newer_message_of_its_key_replaces_a_collapsing_one() -> None:
    transit = Transit[str]()
    for name, key in (("old", "k"), ("other", "x"), ("new", "k")):
        assert transit.accept(name, Carriage("collapse", 5, key), NOW) == []
    assert transit.due(at(5)) == ["other", "new"]
