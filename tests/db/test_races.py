"""One-time means one conditional write: of 64 at once exactly one wins (P3).

Two pools of sixteen connections stand for two processes. PostgreSQL at READ COMMITTED: the losers
wait for the winner's row lock and then re-evaluate their WHERE on the row as it was committed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.approvals import store as approvals
from app.approvals.models import ApprovalState
from app.core.canonical import sha256
from app.core.ids import new_id
from app.db.pool import Database, Tx
from app.orders import cleanup_store
from app.orders.models import CleanUpItem
from app.otp import store as otp
from app.sessions import store as sessions
from app.tokens import store as tokens
from app.traders import store as traders
from tests.db.conftest import Open
from tests.db.rows import (
    HASH,
    Tree,
    add_approval,
    add_cleanup_item,
    add_credential,
    add_factor,
    add_session,
    now,
)

CROWD = 64
Try = Callable[[Tx, int], Awaitable[bool]]


@pytest.fixture
async def processes(open_db: Open) -> tuple[Database, Database]:
    return (
        await open_db("postgres", min_size=16, max_size=16),
        await open_db("postgres", min_size=16, max_size=16),
    )


async def wins(processes: tuple[Database, Database], attempt: Try) -> list[int]:
    """Which of 64 attempts, made at once in transactions of their own, succeeded."""

    async def one(number: int) -> bool:
        async with processes[number % 2].transaction() as tx:
            return await attempt(tx, number)

    results = await asyncio.gather(*(one(number) for number in range(CROWD)))
    return [number for number, won in enumerate(results) if won]


async def test_a_proof_is_spent_once(processes: Any) -> None:
    async def spend(tx: Tx, _: int) -> bool:
        return await tokens.spend_proof(tx, "key", sha256(b"jti"), now() + timedelta(minutes=1))

    assert len(await wins(processes, spend)) == 1
    assert await wins(processes, spend) == []


async def test_the_same_identifier_under_another_key_is_another_proof(processes: Any) -> None:
    digest, until = sha256(b"two keys"), now() + timedelta(minutes=1)

    async def spend(tx: Tx, number: int) -> bool:
        return await tokens.spend_proof(tx, f"key-{number % 4}", digest, until)

    assert len(await wins(processes, spend)) == 4


async def test_an_enrolment_code_is_redeemed_by_one_key(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    code = new_id()
    async with processes[0].transaction() as tx:
        await traders.add_enrolment_code(
            tx, tree.trader_id, code, HASH, now() + timedelta(minutes=10)
        )

    async def redeem(tx: Tx, number: int) -> bool:
        return await traders.redeem_code(tx, tree.trader_id, code, now(), f"key-{number}")

    (winner,) = await wins(processes, redeem)
    stored = await admin.fetchval(
        "SELECT redeemed_by_jkt FROM enrolment_code WHERE code_id = $1", code
    )
    assert stored == f"key-{winner}"
    # The same key gets the same answer again, and still nobody else.
    assert await wins(processes, redeem) == [winner]


async def test_an_expired_code_is_redeemed_by_nobody(processes: Any, tree: Tree) -> None:
    code, ends = new_id(), now()
    async with processes[0].transaction() as tx:
        await traders.add_enrolment_code(tx, tree.trader_id, code, HASH, ends)
        assert not await traders.redeem_code(tx, tree.trader_id, code, ends, "key")
        assert await traders.redeem_code(
            tx, tree.trader_id, code, ends - timedelta(microseconds=1), "key"
        )


async def test_a_time_step_is_spent_once(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    factor = await add_factor(admin, tree)

    async def spend(tx: Tx, _: int) -> bool:
        return await otp.spend_step(tx, tree.trader_id, factor, 1000)

    assert len(await wins(processes, spend)) == 1


async def test_of_racing_time_steps_each_is_spent_at_most_once_and_none_goes_back(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    factor = await add_factor(admin, tree)

    async def spend(tx: Tx, number: int) -> bool:
        return await otp.spend_step(tx, tree.trader_id, factor, 1000 + number % 3)

    won = [1000 + number % 3 for number in await wins(processes, spend)]
    assert len(won) == len(set(won))
    assert 1002 in won
    stored = await admin.fetchval(
        "SELECT last_used_step FROM totp_state WHERE factor_id=$1", factor
    )
    assert stored == 1002


async def test_an_approval_is_decided_once_whatever_the_decisions(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    approval = await add_approval(admin, tree)
    states = (ApprovalState.APPROVED, ApprovalState.DENIED, ApprovalState.FRAUD)

    async def decide(tx: Tx, number: int) -> bool:
        return await approvals.decide(tx, tree.trader_id, approval, states[number % 3], now())

    (winner,) = await wins(processes, decide)
    stored = await admin.fetchval("SELECT state FROM approval WHERE approval_id = $1", approval)
    assert stored == states[winner % 3]


async def test_an_approval_is_consumed_once(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    approval = await add_approval(admin, tree, state="approved")

    async def consume(tx: Tx, _: int) -> bool:
        return await approvals.consume(tx, tree.trader_id, approval, now())

    assert len(await wins(processes, consume)) == 1
    assert await wins(processes, consume) == []


async def test_an_approval_past_its_time_is_neither_decided_nor_consumed(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    pending = await add_approval(admin, tree)
    approved = await add_approval(admin, tree, state="approved")
    ends = await admin.fetchval("SELECT expires_at FROM approval WHERE approval_id = $1", pending)
    later = await admin.fetchval("SELECT expires_at FROM approval WHERE approval_id = $1", approved)
    async with processes[0].transaction() as tx:
        for state in (ApprovalState.APPROVED, ApprovalState.DENIED):
            assert not await approvals.decide(tx, tree.trader_id, pending, state, ends)
        assert not await approvals.consume(tx, tree.trader_id, approved, later)


async def test_another_traders_approval_is_not_there(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    pending = await add_approval(admin, tree)
    approved = await add_approval(admin, tree, state="approved")
    async with processes[0].transaction() as tx:
        stranger = new_id()
        assert not await approvals.decide(tx, stranger, pending, ApprovalState.APPROVED, now())
        assert not await approvals.consume(tx, stranger, approved, now())


async def test_a_sign_in_code_is_recorded_once_and_an_attempt_ends_once(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    async with processes[0].transaction() as tx:
        session = await sessions.get(tx, tree.trader_id, await add_session(admin, tree))
    assert session is not None

    async def set_code(tx: Tx, _: int) -> bool:
        return await sessions.set_code(
            tx, session, verified_at=now(), factor_id=tree.root, mac=HASH
        )

    async def end(tx: Tx, number: int) -> bool:
        state = ("active", "denied")[number % 2]
        return await sessions.set_state(tx, tree.trader_id, session.session_id, state)

    assert len(await wins(processes, set_code)) == 1
    assert len(await wins(processes, end)) == 1


async def test_an_attempt_at_a_clean_up_item_is_claimed_once(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_credential(admin, tree)
    revocation = await add_cleanup_item(admin, tree)
    async with processes[0].transaction() as tx:
        items = await cleanup_store.due(tx, now() + timedelta(minutes=1), 100)
    (item,) = (item for item in items if item.revocation_id == revocation)
    assert isinstance(item, CleanUpItem)

    async def claim(tx: Tx, _: int) -> bool:
        return await cleanup_store.claim(tx, item, next_due_at=now() + timedelta(minutes=1))

    assert len(await wins(processes, claim)) == 1


async def test_guesses_are_charged_one_by_one_however_many_come_at_once(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    """Five of 64 racing guesses get to compare; then the factor is locked."""
    factor = await add_factor(admin, tree)
    await admin.execute(
        "INSERT INTO wrapped_seed VALUES ($1,$2,'shard','blob',$3)", tree.trader_id, factor, HASH
    )
    moment = now()

    async def reserve(tx: Tx, _: int) -> bool:
        return await otp.reserve_attempt(tx, tree.trader_id, tree.root, moment) is not None

    assert len(await wins(processes, reserve)) == otp.MAX_CONSECUTIVE_FAILURES
    state = await admin.fetchrow("SELECT * FROM totp_state WHERE factor_id = $1", factor)
    assert state["consecutive_failures"] == otp.MAX_CONSECUTIVE_FAILURES
    assert state["locked_until"] == moment + timedelta(seconds=otp.LOCK_SECONDS)


async def test_this_crowd_does_catch_check_then_set(
    processes: Any, admin: asyncpg.Connection, tree: Tree
) -> None:
    """The same race against the mistake: read "approved", then write without asking again."""
    approval = await add_approval(admin, tree, state="approved")

    async def consume(tx: Tx, _: int) -> bool:
        found = await approvals.get(tx, tree.trader_id, approval)
        if found is None or found.state is not ApprovalState.APPROVED:
            return False
        await tx.execute(
            "UPDATE approval SET state = 'consumed', consumed_at = $2 WHERE approval_id = $1",
            *(approval, now()),
        )
        return True

    assert len(await wins(processes, consume)) > 1
