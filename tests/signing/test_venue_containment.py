"""A venue's rung holds for everybody at once, and for what already waits behind it."""

import asyncio

import pytest

from app.containment.planning import plan_venue
from app.containment.service import Containing
from app.core.errors import DomainError
from app.core.ids import new_id
from app.db.pool import Database
from app.tokens.models import Level
from tests.db.rows import until_blocked
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOPS_ORDERS = [Level.CANCEL_ONLY, Level.READ_ONLY, Level.FROZEN]


@pytest.mark.parametrize("level", STOPS_ORDERS, ids=lambda level: level.name.lower())
async def test_signing_for_a_contained_venue_stops_at_once_for_every_trader(
    signer: Signer, bot: Bot, operator: Database, level: Level
) -> None:
    other = Trader(signer)
    others_bot = await other.ready()
    signer.courier.releases.clear()
    plan = await plan_venue(operator, "sandbox", level, reason="test", actor="operator:test")
    done = await Containing(operator).contain_venue(plan)
    assert done.position is not None
    for each in (bot, others_bot):
        await signer.refresh_market()
        refused = await signer.refusal(each.order())
        assert refused == f"containment_forbids:{level.name.lower()}"
    assert signer.signatures() == 0


async def test_a_held_order_is_not_signed_after_its_venue_was_contained(
    signer: Signer, bot: Bot, operator: Database
) -> None:
    held = await bot.hold_and_approve()
    plan = await plan_venue(operator, "sandbox", Level.FROZEN, reason="t", actor="operator")
    await Containing(operator).contain_venue(plan)
    refused = await signer.refusal(bot.execute(held.approval_id))
    assert refused == "containment_forbids:frozen"
    assert signer.signatures() == 0


@pytest.mark.usefixtures("bot")
async def test_a_frozen_venue_is_not_even_read_and_a_milder_rung_is(
    signer: Signer, trader: Trader, operator: Database
) -> None:
    signer.courier.releases.clear()
    for level, refusal in (
        (Level.READ_ONLY, ""), (Level.FROZEN, "containment_forbids:frozen"),
    ):  # fmt: skip
        plan = await plan_venue(operator, "sandbox", level, reason="t", actor="operator")
        await Containing(operator).contain_venue(plan)
        assert await signer.refusal(trader.read("balances")) == refusal


async def test_an_order_that_waits_behind_the_containment_is_not_signed(
    signer: Signer, bot: Bot, operator: Database
) -> None:
    """t0 rung and lock, uncommitted; t1 the signer waits; t2 commit; t3 it sees the rung."""
    async with operator.transaction() as tx:
        await tx.execute(
            "SELECT contain_venue('sandbox', $1, 4::smallint, 'test', 'operator')", new_id()
        )
        await tx.execute("SELECT drain_venue('sandbox')")
        waiting = asyncio.ensure_future(signer.ask(bot.order()))
        await until_blocked(tx)
    with pytest.raises(DomainError) as refused:
        await waiting
    assert (refused.value.code, refused.value.rule) == ("containment_forbids", "frozen")
    assert signer.signatures() == 0


async def test_a_containment_waits_for_the_signature_under_way_and_for_no_other(
    signer: Signer, bot: Bot, operator: Database
) -> None:
    """A signer holds the row shared to its commit: the fence stands after it, and soon."""
    async with signer.db.transaction() as tx:
        await tx.fetchval("SELECT shared_venue_level('sandbox')")
        plan = await plan_venue(operator, "sandbox", Level.FROZEN, reason="t", actor="operator")
        fencing = asyncio.ensure_future(Containing(operator).contain_venue(plan))
        await until_blocked(tx)
        # Whoever comes now stands behind the fence, shared lock or not.
        late = asyncio.ensure_future(signer.ask(bot.order()))
        await asyncio.sleep(0.2)
        assert not late.done()
    assert (await fencing).position is not None
    with pytest.raises(DomainError, match="containment_forbids"):
        await late
    assert signer.signatures() == 0
