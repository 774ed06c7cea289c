"""Everything accepted once, by 64 redeemers in two processes on one PostgreSQL (P3)."""

from collections import Counter

from app.approvals import store as approvals
from app.approvals.models import ApprovalState
from app.db.pool import Tx
from scripts.drills import onetime
from scripts.drills.onetime import Given, OneTime
from scripts.drills.races import Outcome, race
from scripts.drills.stage import Base
from tests.support.postgres import FreshDatabase


def _nothing(_: int) -> None:
    """Nobody watches."""


def base_of(database: FreshDatabase) -> Base:
    return Base(database.name, database.server_dsn, database.passwords)


async def test_of_64_over_two_processes_exactly_one_wins(module_database: FreshDatabase) -> None:
    outcome = await race(base_of(module_database), n=64 * 2 * len(onetime.TABLE), ended=_nothing)
    assert outcome.wrong == []
    assert outcome.failed == {}
    assert set(outcome.rounds.values()) == {2}
    assert set(outcome.rounds) == {
        "totp_step", "totp_guesses", "push_otp", "push_otp_guesses", "number", "approval",
        "sign_in_code", "enrolment_code", "recovery_code", "order_sequence", "dpop_jti",
        "passkey_challenge", "batch_leaf",
    }  # fmt: skip


def test_redeemers_that_failed_otherwise_are_no_proof() -> None:
    assert Outcome().passed
    assert not Outcome(wrong=["totp_step: 2 of 64 won, not 1"]).passed
    assert not Outcome(failed=Counter({"LockNotAvailable": 63})).passed


async def check_then_set(tx: Tx, given: Given, _: int) -> bool:
    """The mistake: read "approved", then write without asking again."""
    trader_id, approval_id = onetime._ids(given, "trader", "approval")
    found = await approvals.get(tx, trader_id, approval_id)
    if found is None or found.state is not ApprovalState.APPROVED:
        return False
    await tx.execute(
        "UPDATE approval SET state = 'consumed', consumed_at = now()"
        " WHERE trader_id = $1 AND approval_id = $2",
        *(trader_id, approval_id),
    )
    return True


MISTAKE = (OneTime("approval", "signer", onetime._plant_approved, check_then_set),)
_SERVE = """
import asyncio
from scripts.drills.redeemers import serve
from tests.drills.test_one_time_races import MISTAKE
asyncio.run(serve(MISTAKE))
"""


async def test_the_same_race_does_catch_check_then_set(module_database: FreshDatabase) -> None:
    outcome = await race(
        base_of(module_database), n=64 * 4, ended=_nothing, table=MISTAKE, program=("-c", _SERVE)
    )
    assert outcome.wrong
    assert outcome.wins["approval"] > 4
