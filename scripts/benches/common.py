"""What all benchmarks share: statistics, the machine's load, the shape of a result."""

import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]
"""Names with their units at the end ("p50_us"); numbers, texts, lists, or figures again."""

_WRITES = 100
_WAL_BLOCK_BYTES = 8192


class BenchFailed(Exception):
    """Nothing was measured, or what was measured is not what the benchmark says it is."""


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's outcome: `ok` when `ratio` is at most `goal`, or at least, for a floor."""

    bench: str
    ratio: float
    goal: float
    figures: Figures
    goal_is_floor: bool = False

    @property
    def ok(self) -> bool:
        return self.ratio >= self.goal if self.goal_is_floor else self.ratio <= self.goal

    def as_json(self) -> str:
        body = {"bench": self.bench, "ratio": round(self.ratio, 3), "goal": self.goal}
        return json.dumps({**body, "ok": self.ok, "figures": self.figures})

    def show(self, console: Console) -> None:
        """A table for people."""
        table = Table(title=f"bench {self.bench}", show_header=False)
        verdict = "ok" if self.ok else "missed"
        table.add_row("ratio", f"{self.ratio:.2f} (goal {self.goal:g}: {verdict})", style="bold")
        for name, value in flat(self.figures):
            table.add_row(name, value)
        console.print(table)


def flat(figures: Figures, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every figure with its full name, as text."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name} ")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{name}", ", ".join(map(str, value))
        else:
            yield f"{prefix}{name}", str(value)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was really measured, never one in between."""
    if not values:
        raise BenchFailed("nothing was measured")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def median(values: Sequence[float]) -> float:
    if not values:
        raise BenchFailed("nothing was measured")
    return statistics.median(values)


def spread(seconds: Sequence[float]) -> Figures:
    """p50 and p99 of latencies, in microseconds."""
    return {"p50_us": micros(percentile(seconds, 50)), "p99_us": micros(percentile(seconds, 99))}


def micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def machine(directory: Path) -> Figures:
    """What the figures were measured on: cores, load averages, and one durable write."""
    return {
        "cores": os.cpu_count() or 0,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "durable_write_us": micros(median(_durable_writes(directory))),
    }


def _durable_writes(directory: Path) -> list[float]:
    """Seconds that one write-ahead-log block takes to be on disk, as PostgreSQL waits for it."""
    file = directory / "durable-write"
    handle, took = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), []
    try:
        os.write(handle, bytes(_WRITES * _WAL_BLOCK_BYTES))
        os.fsync(handle)
        for number in range(_WRITES):
            began = time.perf_counter()
            os.pwrite(handle, os.urandom(_WAL_BLOCK_BYTES), number * _WAL_BLOCK_BYTES)
            os.fdatasync(handle)
            took.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        file.unlink()
    return took
