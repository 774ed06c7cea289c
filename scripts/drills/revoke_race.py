"""`revoke-race` (D12): fences against all that signs or mints, at random, by the thousand."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from rich.progress import Progress

from app.db.pool import Database
from app.vault.client import HsmWorkers
from scripts.drills.common import Ask, Drill, Figures, Verdict
from scripts.drills.database import database
from scripts.drills.history import RELEASED, LogEntry, Node, Record, Violation, check
from scripts.drills.market import open_market
from scripts.drills.race import AT_ONCE, BOTS, ROUNDS, Played, Race
from scripts.drills.stage import Base, Stage, stage
from scripts.drills.traders import Nursery, Trader

DEFAULT_N = 20_000
_BATCH_TRADERS = 300
_SHOWN = 20
_SETTLE_SECONDS = 0.5
"""After a batch: a release is handed over without anybody waiting for it."""

_LOG = """
    SELECT trader_id, position, event, token_id, path, subject_id, rule FROM access_log
     WHERE chain = $1 AND outcome = 'ok' AND trader_id = ANY ($2) ORDER BY trader_id, position
"""
_NODES = """
    SELECT trader_id, token_id, kind, parent_id, path,
           expires_at > clock_timestamp() AND effective_level(trader_id, path) < 5 AS live
      FROM token WHERE trader_id = ANY ($1)
"""
_FORGET = "TRUNCATE trader, access_log, access_log_head, spent_proof CASCADE"


@dataclass
class Outcome:
    """What came of a race: `counts` of what happened, and `violations`, which must be empty."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def figures(self) -> Figures:
        shown = [f"{one.rule}: {one.detail}" for one in self.violations[:_SHOWN]]
        return {**self.counts, "violations": len(self.violations), "first_violations": shown}


async def race(
    base: Base, folder: Path, *, n: int, seed: int, ended: Callable[[int], None],
    patient: bool = False,
) -> Outcome:  # fmt: skip
    """`n` interleavings (rounded up to whole traders) on a database of their own, and the verdict.

    Raises
    ------
    StageFailed
        A process ended: no verdict.
    """
    outcome, left, draw = Outcome(), -(-n // ROUNDS), random.Random(seed)  # noqa: S311
    async with (
        stage(folder, base, patient=patient) as running,
        HsmWorkers(running.vault()) as workers,
        _operator(base) as operator,
        open_market(base.dsn()),
    ):
        nursery = Nursery(running.owner, workers)
        await nursery.open()
        while left > 0:
            traders = await nursery.plant(min(left, _BATCH_TRADERS), BOTS)
            playing = Race(running, nursery, operator, seed=draw.getrandbits(64))
            await playing.play(traders, ended)
            await asyncio.sleep(_SETTLE_SECONDS)
            await _judge(running, traders, playing.played, outcome)
            left -= len(traders)
            if left > 0:
                await _forget(running)
    return outcome


@asynccontextmanager
async def _operator(base: Base) -> AsyncIterator[Database]:
    db = await Database.connect(base.dsn("tripcord_operator"), max_size=AT_ONCE)
    try:
        yield db
    finally:
        await db.close()


async def _judge(
    running: Stage, traders: Sequence[Trader], played: Played, outcome: Outcome
) -> None:
    """Offline: nothing here asks the product, only what was written down."""
    ids = [trader.trader_id for trader in traders]
    planted = {path[-1] for trader in traders for path in (trader.root_path, trader.key_path)}
    planted |= {one.path[-1] for trader in traders for one in trader.bearers}
    record = Record(
        ops=played.ops,
        log=[
            LogEntry(**{**row, "path": tuple(row["path"] or ())})
            for row in await running.owner.fetch(_LOG, UUID(int=0), ids)
        ],
        received=tuple(running.far_end.received),
        nodes=[
            Node(**{**row, "path": tuple(row["path"])})
            for row in await running.owner.fetch(_NODES, ids)
        ],
        planted=frozenset(planted),
    )
    running.far_end.received.clear()
    outcome.violations += check(record)
    outcome.counts.update(_counts(record, played))


def _counts(record: Record, played: Played) -> Counter[str]:
    counts = Counter(f"{op.kind}s_{op.result}" for op in record.ops)
    orders = sum(one.purpose == "order" for one in record.received)
    counts.update(
        interleavings=played.interleavings,
        connections_killed=played.killed,
        signatures_logged=sum(entry.event == RELEASED for entry in record.log),
        signatures_at_the_venue=orders,
        clean_up_at_the_venue=len(record.received) - orders,
    )
    counts.update({f"orders_refused_{code}": n for code, n in played.refusals.items()})
    return counts


async def _forget(running: Stage) -> None:
    """Empty what was judged, beneath every trigger: a million traders need not fit on a disk."""
    async with running.owner.transaction():
        await running.owner.execute("SET LOCAL session_replication_role = 'replica'")
        await running.owner.execute(_FORGET)


def run(ask: Ask) -> Verdict:
    n = ask.n or DEFAULT_N
    with (
        database(durable=True) as base,
        tempfile.TemporaryDirectory(prefix="tc-") as folder,
        Progress(console=ask.console) as progress,
    ):
        task = progress.add_task("interleavings", total=n)
        outcome = asyncio.run(
            race(
                base,
                Path(folder),
                n=n,
                seed=ask.seed,
                ended=lambda more: progress.advance(task, more),
            )
        )
    return Verdict(not outcome.violations, {"seed": ask.seed, **outcome.figures()})


DRILL = Drill(
    id="D12",
    name="revoke-race",
    about="no signature begins, and no child is born, after an acknowledged revoke",
    run=run,
)
