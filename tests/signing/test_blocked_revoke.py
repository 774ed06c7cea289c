"""A signature that waits behind a revoke never comes (P1); and the proof that this test can fail.

t0 a revoke holds the trader's lock, uncommitted; t1 the signer asks for the lock and waits; t2 the
revoke commits; t3 the signer reads the fences, in a statement of its own and so with a snapshot
from after t2. Were lock and read one statement, its snapshot would be from t1.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.origin import Origin
from app.tokens import store as tokens
from app.tokens.models import Level
from app.vault.client import HsmWorkers
from tests.db.rows import until_blocked
from tests.signing.bot import Bot
from tests.signing.mistakes import merged
from tests.signing.parts import Signer, open_signer
from tests.signing.trader import Trader
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def outcome_behind_a_revoke(
    trader: Trader, node: UUID, attempt: Callable[[], Awaitable[Any]], *, level: Level
) -> Any:
    """What an attempt comes to that was made while a revoke (or a milder fence) was under way."""
    cord = trader.signer.revocations._db
    async with cord.transaction() as tx:
        await tokens.tighten(  # (t0)
            tx, trader_id=trader.trader_id, token_id=node, level=level, reason="test",
            origin=Origin(actor="device:x"), mode="cancel_entries",
            revocation_id=new_id() if level is Level.REVOKED else None,
            receipt_hash=bytes(32) if level is Level.REVOKED else None,
        )  # fmt: skip
        waiting = asyncio.ensure_future(attempt())
        await until_blocked(tx)  # (t1), and (t2) at the end of this block
    try:
        return await waiting  # (t3)
    except DomainError as refused:
        return refused


def nodes(trader: Trader, bot: Bot) -> list[UUID]:
    return [trader.root_id, trader.credential_id, bot.grant_id]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["root", "credential", "grant"])
async def test_an_order_that_waits_behind_a_revoke_is_not_signed(
    signer: Signer, trader: Trader, bot: Bot, place: int
) -> None:
    outcome = await outcome_behind_a_revoke(
        trader, nodes(trader, bot)[place], lambda: signer.ask(bot.order()), level=Level.REVOKED
    )
    assert isinstance(outcome, DomainError)
    assert (outcome.code, outcome.rule) == ("containment_forbids", "revoked")
    assert signer.signatures() == 0


async def test_an_approved_order_that_waits_behind_a_revoke_is_not_signed(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold_and_approve()
    outcome = await outcome_behind_a_revoke(
        trader, trader.root_id, lambda: signer.ask(bot.execute(held.approval_id)),
        level=Level.REVOKED,
    )  # fmt: skip
    assert isinstance(outcome, DomainError)
    assert signer.signatures() == 0
    assert (await bot.row(held.order_id))["state"] in {"held", "refused"}


@pytest.mark.usefixtures("bot")
async def test_a_read_of_the_venue_that_waits_behind_a_revoke_is_not_signed(
    signer: Signer, trader: Trader
) -> None:
    outcome = await outcome_behind_a_revoke(
        trader, trader.credential_id, lambda: signer.ask(trader.read("balances")),
        level=Level.REVOKED,
    )  # fmt: skip
    assert isinstance(outcome, DomainError)
    assert (outcome.code, outcome.rule) == ("containment_forbids", "revoked")
    assert signer.signatures() == 0


async def test_an_approval_and_a_new_key_that_wait_behind_a_revoke_come_to_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    approve, link = await trader.decide_request(held.approval_id), await trader.import_request()
    await trader.let_time_pass()
    outcome = await outcome_behind_a_revoke(
        trader, trader.root_id, lambda: signer.ask(approve), level=Level.REVOKED
    )
    assert isinstance(outcome, DomainError)
    assert await signer.refusal(link) == "containment_forbids:revoked"
    states = await signer.admin.fetchval(
        "SELECT state FROM approval WHERE approval_id = $1", held.approval_id
    )
    assert states == "pending"


@pytest.mark.parametrize("level", [Level.CANCEL_ONLY, Level.READ_ONLY, Level.FROZEN])
async def test_milder_fences_are_seen_by_what_waits_too(
    signer: Signer, trader: Trader, bot: Bot, level: Level
) -> None:
    outcome = await outcome_behind_a_revoke(
        trader, bot.grant_id, lambda: signer.ask(bot.order()), level=level
    )
    assert isinstance(outcome, DomainError)
    assert outcome.rule == level.name.lower()
    assert signer.signatures() == 0


async def test_a_signer_that_waits_too_long_gives_up_and_signs_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    async with signer.admin.acquire() as holder, holder.transaction():
        await holder.execute("SELECT lock_trader($1)", trader.trader_id)
        assert await signer.refusal(bot.order()) == "trader_busy"
    assert signer.signatures() == 0
    assert (await bot.place(sequence=1)).state == "released"


async def test_the_test_above_fails_when_lock_and_read_are_one_statement(
    fresh_database: FreshDatabase, workers: HsmWorkers
) -> None:
    signer = await open_signer(fresh_database, workers)
    try:
        await signer.refresh_market()
        trader = Trader(signer)
        bot = await trader.ready()
        await merged(signer.admin)
        signer.courier.releases.clear()
        outcome = await outcome_behind_a_revoke(
            trader, trader.root_id, lambda: signer.ask(bot.order()), level=Level.REVOKED
        )
        # Signed after the revoke: exactly what the tests above would report.
        assert not isinstance(outcome, DomainError)
        assert signer.signatures() == 1
        # A revoke that was committed before is seen even so; only the waiting one is missed.
        assert await signer.refusal(bot.order()) == "containment_forbids:revoked"
    finally:
        await signer.close()
