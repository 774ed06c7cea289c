"""`races` (D02): 64 redeemers over two processes for everything that is accepted once."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from rich.progress import Progress

from scripts.drills.common import Ask, Drill, DrillFailed, Figures, Verdict
from scripts.drills.database import database
from scripts.drills.onetime import TABLE, OneTime
from scripts.drills.planting import Ground, break_ground
from scripts.drills.stage import Base

CROWD = 64
DEFAULT_N = 20_000
PROCESSES = 2
_ROUNDS_PER_TRADER = 50
_START_SECONDS, _ROUND_SECONDS = 60.0, 60.0
_SHOWN = 20


@dataclass
class Outcome:
    """What came of it: tries, rounds and wins per thing; `wrong` and `failed` must be empty."""

    tries: int = 0
    rounds: Counter[str] = field(default_factory=Counter)
    wins: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Who failed otherwise did not race: of the one that is left, one wins in any case."""
        return not (self.wrong or self.failed)

    def figures(self) -> Figures:
        return {
            "tries": self.tries,
            "rounds": dict(self.rounds),
            "wins": dict(self.wins),
            "failed_otherwise": dict(self.failed),
            "wrong": len(self.wrong),
            "first_wrong": self.wrong[:_SHOWN],
        }


class Redeemers:
    """The processes. Each round goes to all of them at the same moment."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def round(self, what: OneTime, given: dict[str, str]) -> list[dict[str, Any]]:
        for place, process in enumerate(self._processes):
            numbers = list(range(place, CROWD, len(self._processes)))
            line = json.dumps({"name": what.name, "given": given, "numbers": numbers})
            _pipe(process.stdin).write(line.encode() + b"\n")
        async with asyncio.timeout(_ROUND_SECONDS):
            lines = await asyncio.gather(*(_pipe(p.stdout).readline() for p in self._processes))
        if not all(lines):
            raise DrillFailed("a redeemer ended")
        return [json.loads(line) for line in lines]


@asynccontextmanager
async def redeemers(
    base: Base, program: Sequence[str] = ("-m", "scripts.drills.redeemers")
) -> AsyncIterator[Redeemers]:
    logins = {role: base.dsn(f"tripcord_{role}") for role in ("signer", "api")}
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, *program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    try:
        for process in running:
            _pipe(process.stdin).write(json.dumps(logins).encode() + b"\n")
        async with asyncio.timeout(_START_SECONDS):
            for process in running:
                if await _pipe(process.stdout).readline() != b"ready\n":
                    raise DrillFailed("a redeemer did not start")
        yield Redeemers(running)
    finally:
        for process in running:
            if process.stdin is not None:
                process.stdin.close()
        await asyncio.gather(*(process.wait() for process in running))


async def race(
    base: Base, *, n: int, ended: Callable[[int], None], table: Sequence[OneTime] = TABLE,
    program: Sequence[str] = ("-m", "scripts.drills.redeemers"),
) -> Outcome:  # fmt: skip
    """Rounds of 64 over the table in turn, until `n` tries were made (each thing once at least)."""
    outcome = Outcome()
    owner = await asyncpg.connect(base.dsn())
    try:
        async with redeemers(base, program) as crowd:
            number = 0
            while outcome.tries < n or number < len(table):
                if number % (_ROUNDS_PER_TRADER * len(table)) == 0:
                    ground = await break_ground(owner)
                await _round(crowd, owner, ground, table[number % len(table)], outcome)
                number += 1
                ended(CROWD)
    finally:
        await owner.close()
    return outcome


async def _round(
    crowd: Redeemers, owner: Any, ground: Ground, what: OneTime, outcome: Outcome
) -> None:
    answers = await crowd.round(what, await what.plant(owner, ground))
    won = sum(len(answer["won"]) for answer in answers)
    outcome.tries += CROWD
    outcome.rounds[what.name] += 1
    outcome.wins[what.name] += won
    for answer in answers:
        outcome.failed.update(answer["failed"])
    if won != what.wins:
        outcome.wrong.append(f"{what.name}: {won} of {CROWD} won, not {what.wins}")


def _pipe(pipe: Any) -> Any:
    if pipe is None:
        raise DrillFailed("a redeemer has no pipe")
    return pipe


def run(ask: Ask) -> Verdict:
    n = ask.n or DEFAULT_N
    with database(durable=True) as base, Progress(console=ask.console) as progress:
        task = progress.add_task("redeemers", total=n)
        outcome = asyncio.run(race(base, n=n, ended=lambda more: progress.advance(task, more)))
    return Verdict(outcome.passed, outcome.figures())


DRILL = Drill(
    id="D02",
    name="races",
    about="of 64 redeemers over two processes exactly one wins, for everything accepted once",
    run=run,
)
