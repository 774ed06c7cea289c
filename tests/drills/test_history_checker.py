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


def rotated(position: int) -> LogEntry:
    return LogEntry(TRADER, position, "token.rotated", BOT, TO_BOT, BOT)


def narrowed(position: int, path: tuple[UUID, ...] = TO_BOT) -> LogEntry:
    rule = "narrow:max_order"
    return LogEntry(TRADER, position, "change.sealed", path[-1], path, path[-1], rule)


def step(kind: str, began: int, path: tuple[UUID, ...] = TO_BOT) -> Op:
    return Op(kind, TRADER, path, began, began + 5, "ok", BOT)  # type: ignore[arg-type]


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


def test_what_is_done_before_a_narrowing_or_a_fence_is_well_done() -> None:
    ops = [step("rotate", 0), order(0), step("narrow", 2), fence(20, 4)]
    log = [rotated(1), released(2), narrowed(3), revoked(4)]
    assert check(bad(ops=ops, log=log)) == []
    other = narrowed(1)._replace(rule=None)  # a grant that was sealed, not narrowed
    assert check(bad(log=[other, released(2), revoked(3)], ops=[fence(9, 3)])) == []


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
        ("rotated_after_fence_in_the_log", lambda: bad(log=[released(1), revoked(2), rotated(3)])),
        ("rotated_after_fence", lambda: bad(ops=[fence(9, 2), step("rotate", 10)])),
        ("signed_after_revoke", lambda: bad(ops=[fence(9, 2), step("old_secret", 10)])),
        ("old_secret_lives", lambda: bad(ops=[step("old_secret", 0), fence(9, 2)])),
        ("signed_after_narrowing", lambda: bad(ops=[step("narrow", 0), order(6), fence(20, 2)])),
        (
            "signed_after_narrowing",
            lambda: bad(ops=[step("narrow", 0, TO_KEY), order(6), fence(20, 2)]),
        ),
        (
            "signed_after_narrowing_in_the_log",
            lambda: bad(
                ops=[],
                log=[narrowed(1), released(2), revoked(3)],
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
