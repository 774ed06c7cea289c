"""What clients saw, what the log says, what reached the venue's end: and a checker of all three.

Two orders of events are checked. The clients' clock (one process, monotonic): what began after a
revoke was acknowledged comes to nothing. And the trader's locked chain, which the trader lock makes
one line: whatever stands in it after a fence was allowed after that fence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import UUID

Result = Literal["ok", "refused", "unknown"]
"""`unknown`: no answer, or a 5xx. The operation may have happened, or not."""

Kind = Literal["order", "issue", "fence", "narrow", "rotate", "old_secret"]
"""`narrow` leaves a bot less than any of our orders is worth. `old_secret` is an order, with a
secret that another one has replaced."""

RELEASED, REVOKED, TIGHTENED, REQUESTED, ROTATED, SEALED = (
    "order.released",
    "token.revoked",
    "token.tightened",
    "grant.requested",
    "token.rotated",
    "change.sealed",
)
NARROWED = "narrow:"
"""How the rule of a `change.sealed` entry begins, where it is a narrowing."""

_FENCES = (REVOKED, TIGHTENED)
_IN_THE_LOG = {RELEASED: "signed", REQUESTED: "born", ROTATED: "rotated"}
_AFTER_FENCE: Mapping[Kind, str] = {
    "order": "signed_after_revoke",
    "old_secret": "signed_after_revoke",
    "issue": "born_after_fence",
    "rotate": "rotated_after_fence",
}
_AFTER_NARROWING: Mapping[Kind, str] = {"order": "signed_after_narrowing"}


class Op(NamedTuple):
    """One call of one client. `path` leads to the node it was about, root first.

    `subject_id`: the order, or the new token. `position`: of a fence, as its answer said. Times are
    nanoseconds of one monotonic clock.
    """

    kind: Kind
    trader_id: UUID
    path: tuple[UUID, ...]
    began_ns: int
    ended_ns: int
    result: Result
    subject_id: UUID | None = None
    position: int | None = None


class LogEntry(NamedTuple):
    """One entry of a trader's locked chain."""

    trader_id: UUID
    position: int
    event: str
    token_id: UUID | None
    path: tuple[UUID, ...]
    subject_id: UUID | None
    rule: str | None = None


class Received(NamedTuple):
    """One signed request at the venue's end. `purpose` other than "order" is clean-up."""

    trader_id: UUID
    purpose: str
    order_id: UUID | None


class Node(NamedTuple):
    """A row of the tree as it is at the end."""

    trader_id: UUID
    token_id: UUID
    kind: str
    parent_id: UUID | None
    path: tuple[UUID, ...]
    live: bool
    """Not expired, and no fence of level 5 anywhere on its path."""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything about some traders. `planted`: nodes that were there before the history."""

    ops: Sequence[Op]
    log: Sequence[LogEntry]
    received: Sequence[Received]
    nodes: Sequence[Node]
    planted: frozenset[UUID] = frozenset()


class Violation(NamedTuple):
    rule: str
    trader_id: UUID
    detail: str


@dataclass(slots=True)
class _Trader:
    ops: list[Op] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


def check(record: Record) -> list[Violation]:
    """Everything that must not be, in the order of the rules below; empty when all is well."""
    traders: dict[UUID, _Trader] = {}
    for op in record.ops:
        traders.setdefault(op.trader_id, _Trader()).ops.append(op)
    for entry in record.log:
        traders.setdefault(entry.trader_id, _Trader()).log.append(entry)
    for one in record.received:
        traders.setdefault(one.trader_id, _Trader()).received.append(one)
    for node in record.nodes:
        traders.setdefault(node.trader_id, _Trader()).nodes.append(node)
    return [
        Violation(rule, trader_id, detail)
        for trader_id, trader in traders.items()
        for rule, detail in _violations(trader, record.planted)
    ]


def _violations(trader: _Trader, planted: frozenset[UUID]) -> Iterator[tuple[str, str]]:
    log = {entry.position: entry for entry in trader.log}
    yield from _acknowledged(trader.ops, log)
    yield from _began_after(trader.ops)
    yield from _stands_after(trader.log)
    yield from _left_for_the_venue(trader)
    yield from _tree(trader, planted)


def _acknowledged(ops: Sequence[Op], log: Mapping[int, LogEntry]) -> Iterator[tuple[str, str]]:
    """An acknowledged fence is in the log, at the position that its answer named."""
    for op in ops:
        if op.kind != "fence" or op.result != "ok":
            continue
        entry = log.get(op.position or 0)
        if entry is None or entry.event not in _FENCES or entry.token_id != op.path[-1]:
            yield "acknowledged_unlogged", f"fence of {op.path[-1]} at position {op.position}"


def _began_after(ops: Sequence[Op]) -> Iterator[tuple[str, str]]:
    """What a client began after it was told of a fence on the way comes to nothing. So does an
    order after a narrowing; and nothing comes of a secret that was replaced.
    """
    for op in ops:
        if op.kind == "old_secret" and op.result == "ok":
            yield "old_secret_lives", f"{op.subject_id} of {op.path[-1]}"
    for after in (op for op in ops if op.kind in {"fence", "narrow"} and op.result == "ok"):
        rules = _AFTER_FENCE if after.kind == "fence" else _AFTER_NARROWING
        for op in ops:
            if op.kind not in rules or op.result != "ok":
                continue
            if op.began_ns > after.ended_ns and after.path[-1] in op.path:
                late = (op.began_ns - after.ended_ns) / 1e6
                what = f"{after.kind} of {after.path[-1]}"
                yield rules[op.kind], f"{op.subject_id} began {late:.3f} ms after the {what}"


def _stands_after(log: Sequence[LogEntry]) -> Iterator[tuple[str, str]]:
    """No signature, no child and no new secret stands in the log behind a fence on its path: none
    is lifted. No signature stands behind a narrowing.
    """
    fenced: dict[UUID, int] = {}
    narrowed: dict[UUID, int] = {}
    for entry in sorted(log, key=lambda one: one.position):
        if entry.event in _FENCES and entry.token_id is not None:
            fenced.setdefault(entry.token_id, entry.position)
        elif entry.event == SEALED and entry.token_id is not None:
            if (entry.rule or "").startswith(NARROWED):
                narrowed.setdefault(entry.token_id, entry.position)
        elif entry.event in _IN_THE_LOG:
            what = f"{entry.subject_id} at {entry.position}"
            for node in entry.path:
                if node in fenced:
                    yield (
                        f"{_IN_THE_LOG[entry.event]}_after_fence_in_the_log",
                        (f"{what}, fence at {fenced[node]}"),
                    )
                if node in narrowed and entry.event == RELEASED:
                    yield (
                        "signed_after_narrowing_in_the_log",
                        (f"{what}, narrowed at {narrowed[node]}"),
                    )


def _left_for_the_venue(trader: _Trader) -> Iterator[tuple[str, str]]:
    """A signature leaves once, after its entry; clean-up is about orders that had left."""
    logged = {entry.subject_id for entry in trader.log if entry.event == RELEASED}
    seen: set[UUID | None] = set()
    for one in trader.received:
        if one.purpose != "order":
            if one.order_id is not None and one.order_id not in logged:
                yield "clean_up_of_nothing", f"{one.purpose} of {one.order_id}"
            continue
        if one.order_id not in logged:
            yield "signed_unlogged", f"order {one.order_id} reached the venue"
        if one.order_id in seen:
            yield "signed_twice", f"order {one.order_id} reached the venue twice"
        seen.add(one.order_id)
    for op in trader.ops:
        is_order = op.kind in {"order", "old_secret"}
        if is_order and op.result == "ok" and op.subject_id not in logged:
            yield "answered_unlogged", f"order {op.subject_id} was answered as released"


def _tree(trader: _Trader, planted: frozenset[UUID]) -> Iterator[tuple[str, str]]:
    """No orphan, no child without its entry, nothing alive below what was revoked."""
    by_id = {node.token_id: node for node in trader.nodes}
    born = {entry.token_id for entry in trader.log if entry.event == REQUESTED}
    revoked = {entry.token_id for entry in trader.log if entry.event == REVOKED}
    for node in trader.nodes:
        parent = None if node.parent_id is None else by_id.get(node.parent_id)
        above = () if parent is None else parent.path
        if (node.kind != "trader" and parent is None) or node.path != (*above, node.token_id):
            yield "orphan", f"{node.token_id} is not below its parent"
        if node.token_id not in planted and node.token_id not in born:
            yield "born_unlogged", f"{node.token_id} has no entry"
        if node.live and not revoked.isdisjoint(node.path):
            yield "alive_below_revoked", f"{node.kind} {node.token_id}"
