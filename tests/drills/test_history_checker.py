"""The checker finds what it is for: every rule has a bad history, and a good one has none."""

from collections.abc import Callable
from uuid import UUID

import pytest

from scripts.drills.history import LogEntry, Node, Op, Received, Record, check

TRADER, ROOT, KEY, BOT, OTHER = (UUID(int=number) for number in range(1, 6))
ORDER, LATER, CHILD = (UUID(int=number) for number in range(11, 14))
TO_BOT, TO_KEY = (ROOT, KEY, BOT), (ROOT, KEY)


def order(began: int, *, result: str = "ok", subject: UUID = ORDER) -> Op:
    return Op("order", TRADER, TO_BOT, began, began + 5, result, subject)  # type: ignore[arg-type]


def fence(ended: int, position: int, path: tuple[UUID, ...] = TO_BOT, result: str = "ok") -> Op:
    return Op("fence", TRADER, path, ended - 5, ended, result, None, position)  # type: ignore[arg-type]


def released(position: int, order_id: UUID = ORDER) -> LogEntry:
    return LogEntry(TRADER, position, "order.released", BOT, TO_BOT, order_id)


def revoked(position: int, path: tuple[UUID, ...] = TO_BOT) -> LogEntry:
    return LogEntry(TRADER, position, "token.revoked", path[-1], path, None)


def requested(position: int) -> LogEntry:
    return LogEntry(TRADER, position, "grant.requested", CHILD, (*TO_KEY, CHILD), None)


def sent(order_id: UUID = ORDER, purpose: str = "order") -> Received:
    return Received(TRADER, purpose, order_id)


def tree(*, live: bool = False) -> list[Node]:
    return [
        Node(TRADER, ROOT, "trader", None, (ROOT,), live=True),
        Node(TRADER, KEY, "credential", ROOT, TO_KEY, live=True),
        Node(TRADER, BOT, "grant", KEY, TO_BOT, live=live),
    ]


PLANTED = frozenset({ROOT, KEY, BOT})
GOOD = Record(
    ops=[order(0), fence(9, 2), order(20, result="refused"), order(7, result="unknown")],
    log=[released(1), revoked(2)],
    received=[sent(), sent(purpose="cancel")],
    nodes=tree(),
    planted=PLANTED,
)


def bad(**changes: object) -> Record:
    fields = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}
    return Record(**(fields | changes))


def rules(record: Record) -> set[str]:
    return {violation.rule for violation in check(record)}


def test_a_history_as_it_should_be_has_no_violation() -> None:
    assert check(GOOD) == []


def test_an_order_that_overlaps_the_revoke_may_still_be_released_before_it() -> None:
    overlapping = [order(6), fence(9, 2)]
    assert check(bad(ops=overlapping)) == []


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        (
            "signed_after_revoke",
            lambda: bad(ops=[fence(9, 2), order(10)], log=[released(1), revoked(2)]),
        ),
        (
            "signed_after_revoke",
            lambda: bad(
                ops=[fence(9, 2, (ROOT,)), order(10)], log=[released(1), revoked(2, (ROOT,))]
            ),
        ),
        ("signed_after_fence_in_the_log", lambda: bad(log=[revoked(2), released(3)])),
        (
            "signed_after_fence_in_the_log",
            lambda: bad(
                log=[revoked(2)._replace(event="token.tightened"), released(3)], nodes=tree()
            ),
        ),
        ("acknowledged_unlogged", lambda: bad(log=[released(1)], nodes=tree(live=True))),
        ("acknowledged_unlogged", lambda: bad(log=[released(1), revoked(2, TO_KEY)])),
        ("acknowledged_unlogged", lambda: bad(ops=[fence(9, 3)])),
        ("signed_unlogged", lambda: bad(received=[sent(LATER)])),
        ("signed_twice", lambda: bad(received=[sent(), sent()])),
        ("answered_unlogged", lambda: bad(ops=[order(0, subject=LATER)])),
        ("clean_up_of_nothing", lambda: bad(received=[sent(LATER, "cancel")])),
        ("alive_below_revoked", lambda: bad(nodes=tree(live=True))),
        ("born_after_fence_in_the_log", lambda: bad(log=[revoked(2, TO_KEY), requested(3)])),
        (
            "born_after_fence",
            lambda: bad(
                ops=[fence(9, 2, TO_KEY), Op("issue", TRADER, TO_KEY, 10, 11, "ok", CHILD)],
                log=[requested(1), revoked(2, TO_KEY)],
            ),
        ),
        (
            "born_unlogged",
            lambda: bad(
                nodes=[*tree(), Node(TRADER, CHILD, "grant", KEY, (*TO_KEY, CHILD), live=True)]
            ),
        ),
        (
            "orphan",
            lambda: bad(
                nodes=[*tree(), Node(TRADER, CHILD, "grant", OTHER, (ROOT, CHILD), live=True)],
                planted=PLANTED | {CHILD},
            ),
        ),
        (
            "orphan",
            lambda: bad(
                nodes=[*tree(), Node(TRADER, CHILD, "grant", KEY, (ROOT, CHILD), live=True)],
                planted=PLANTED | {CHILD},
            ),
        ),
    ],
)
def test_a_bad_history_is_found(rule: str, make: Callable[[], Record]) -> None:
    assert rule in rules(make())


def test_another_traders_fence_says_nothing_of_mine() -> None:
    elsewhere = fence(9, 2)._replace(trader_id=OTHER)
    entries = [released(1), revoked(2)._replace(trader_id=OTHER)]
    assert rules(bad(ops=[elsewhere, order(10)], log=entries, nodes=tree(live=True))) == set()


def test_a_fence_that_nobody_was_told_of_binds_no_client_but_the_log() -> None:
    unknown = fence(9, 2, result="unknown")
    assert check(bad(ops=[unknown, order(10)], log=[released(1), revoked(2)])) == []
    assert rules(bad(ops=[unknown], log=[revoked(2), released(3)])) == {
        "signed_after_fence_in_the_log"
    }
