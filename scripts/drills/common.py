"""What all drills share: how one is asked for, and what it answers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.benches.common import flat

Figures = dict[str, Any]
"""Names with their units at the end; numbers, texts, lists, or figures again."""


class DrillFailed(Exception):
    """Nothing was drilled, or not what the drill says: no verdict."""


@dataclass(frozen=True, slots=True)
class Ask:
    """`n`: how many, in the drill's own unit; None is its default. `seed` repeats its draws."""

    seed: int
    n: int | None
    console: Console


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    figures: Figures


@dataclass(frozen=True, slots=True)
class Drill:
    """`id` is the D-number by which plans name it; `about` is one sentence of what must hold."""

    id: str
    name: str
    about: str
    run: Callable[[Ask], Verdict]


def as_json(done: Sequence[tuple[Drill, Verdict]]) -> str:
    drills = [
        {"id": drill.id, "name": drill.name, "passed": verdict.passed, "figures": verdict.figures}
        for drill, verdict in done
    ]
    passed = sum(verdict.passed for _, verdict in done)
    return json.dumps({"drills": drills, "passed": passed, "failed": len(done) - passed})


def show(console: Console, drill: Drill, verdict: Verdict) -> None:
    """A table for people."""
    table = Table(title=f"{drill.id} {drill.name}", show_header=False)
    table.add_row("verdict", "passed" if verdict.passed else "FAILED", style="bold")
    for name, value in flat(verdict.figures):
        table.add_row(name, value)
    console.print(table)
