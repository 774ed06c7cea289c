"""The race of `scripts/drill revoke-race`, short: two apis, a signer, killed connections (P1, P5).

The figures are shown with a failure; a seed repeats the draws, though not the machine's timing.
"""

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from scripts.drills.revoke_race import Outcome, race
from scripts.drills.stage import Base
from tests.signing.mistakes import merged
from tests.support.postgres import FreshDatabase

INTERLEAVINGS = 2000
_BROKEN = 150


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: a Unix socket's path has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="tc-") as path:
        yield Path(path)


async def run(database: FreshDatabase, folder: Path, n: int) -> Outcome:
    seed = secrets.randbits(32)
    base = Base(database.name, database.server_dsn, database.passwords)
    return await race(base, folder, n=n, seed=seed, ended=lambda _: None, patient=True)


@pytest.mark.timeout(900)
async def test_nothing_is_signed_or_born_after_an_acknowledged_revoke(
    fresh_database: FreshDatabase, folder: Path
) -> None:
    outcome = await run(fresh_database, folder, INTERLEAVINGS)
    assert outcome.violations == [], outcome.figures()
    counts = outcome.counts
    assert counts["interleavings"] >= INTERLEAVINGS
    # And it was a race: things were signed, born, refused, cut in the middle and cleaned up.
    for what in (
        "orders_ok", "orders_refused", "orders_unknown", "issues_ok", "issues_refused",
        "clean_up_at_the_venue", "connections_killed", "narrows_ok", "rotates_ok",
        "rotates_refused", "old_secrets_refused",
    ):  # fmt: skip
        assert counts[what] > INTERLEAVINGS / 200, what
    assert counts["fences_ok"] > 0.8 * INTERLEAVINGS


@pytest.mark.timeout(300)
async def test_the_race_finds_a_fence_read_in_the_statement_that_takes_the_lock(
    fresh_database: FreshDatabase, folder: Path
) -> None:
    admin = await asyncpg.connect(fresh_database.dsn())
    await merged(admin)
    await admin.close()
    outcome = await run(fresh_database, folder, _BROKEN)
    assert "signed_after_fence_in_the_log" in {one.rule for one in outcome.violations}
