"""What each rung of the ladder still lets the signer sign, on every node of the path."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.core.origin import Origin
from app.tokens import fences
from app.tokens import store as tokens
from app.tokens.models import Level
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNGS = [level for level in Level if level is not Level.ACTIVE]
SELL = {"kind": "order", "market": "BTCUSDT", "side": "sell", "type": "limit",
        "quantity": "0.01", "price": "50000.00"}  # fmt: skip


async def impose(trader: Trader, node: UUID, level: Level) -> None:
    async with trader.signer.api.transaction() as tx:
        await tokens.tighten(
            tx, trader_id=trader.trader_id, token_id=node, level=level, reason="test",
            origin=Origin(actor="device:x"), mode="cancel_entries",
            revocation_id=new_id() if level is Level.REVOKED else None,
            receipt_hash=bytes(32) if level is Level.REVOKED else None,
        )  # fmt: skip


async def lift(trader: Trader, node: UUID) -> None:
    """As the signer lifts after an approval, from wherever the trader's own fence stands."""
    async with trader.signer.db.transaction() as tx:
        level = await fences.own_level(tx, trader.trader_id, node)
        await fences.lift(
            tx, trader_id=trader.trader_id, token_id=node, expected_level=level,
            level=Level.ACTIVE, asked_at_position=await fences.log_head(tx, trader.trader_id),
            approval_id=new_id(), request_digest=bytes(32), origin=trader.origin,
        )  # fmt: skip


async def hold_asset(
    trader: Trader, free: str, *, asset: str = "BTC", age: timedelta = timedelta(0)
) -> None:
    await trader.signer.admin.execute(
        "INSERT INTO venue_balance VALUES ($1,$2,$3,$4,0,$5)"
        " ON CONFLICT (trader_id, credential_id, asset) DO UPDATE SET free = $4, as_of = $5",
        *(trader.trader_id, trader.credential_id, asset, Decimal(free)),
        datetime.now(tz=UTC) - age,
    )


async def order(signer: Signer, bot: Bot, **changes: Any) -> str:
    await signer.refresh_market()
    return await signer.refusal(bot.order(**changes))


@pytest.mark.parametrize("level", RUNGS, ids=lambda level: level.name.lower())
async def test_a_rung_anywhere_on_the_path_stops_a_buy(
    signer: Signer, trader: Trader, bot: Bot, level: Level
) -> None:
    for node in (bot.grant_id, trader.credential_id, trader.root_id):
        await impose(trader, node, level)
        refused = await order(signer, bot)
        if level is Level.REDUCE_ONLY:
            assert refused == "guardrail_refused:reduce_only"
        else:
            assert refused == f"containment_forbids:{level.name.lower()}"
        if level is Level.REVOKED:
            break  # final: the other nodes have tests of their own
        await lift(trader, node)
        assert await order(signer, bot) == ""
        signer.courier.releases.clear()
    assert signer.signatures() == 0


@pytest.mark.parametrize("place", [0, 1, 2], ids=["root", "credential", "grant"])
async def test_after_a_revoke_nothing_beneath_it_signs_again(
    signer: Signer, trader: Trader, bot: Bot, place: int
) -> None:
    held, other = await bot.hold_and_approve(), await trader.grant()
    node = [trader.root_id, trader.credential_id, bot.grant_id][place]
    signer.courier.releases.clear()
    await trader.revoke(node)
    for _ in range(3):
        assert await order(signer, bot) == "containment_forbids:revoked"
    assert await signer.refusal(bot.execute(held.approval_id)) == "containment_forbids:revoked"
    assert signer.signatures() == 0
    # Beside the revoked grant the other one goes on; below the credential and the root it does not.
    assert (await order(signer, other) == "") is (place == 2)
    reads = await signer.refusal(trader.read("balances"))
    assert (reads == "containment_forbids:revoked") is (place != 2)


async def test_an_order_that_was_approved_before_a_revoke_is_refused_and_stays_so(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold_and_approve()
    await trader.revoke(bot.grant_id)
    assert await signer.refusal(bot.execute(held.approval_id)) == "containment_forbids:revoked"
    row = await bot.row(held.order_id)
    assert (row["state"], row["rule"]) == ("refused", "containment_forbids:revoked")
    assert (await signer.ask(bot.execute(held.approval_id))).state == "refused"
    assert signer.signatures() == 0


async def test_reduce_only_sells_what_is_held_and_no_more(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await impose(trader, bot.grant_id, Level.REDUCE_ONLY)
    refused = "guardrail_refused:reduce_only"
    assert await order(signer, bot, intent=SELL) == refused  # nothing known to be held
    await hold_asset(trader, "0.015")
    assert await order(signer, bot) == refused  # a buy
    assert await order(signer, bot, intent=SELL) == ""
    assert signer.signatures() == 1
    # The first sell may still fill: what it takes is no longer there for a second.
    assert await order(signer, bot, intent=SELL) == refused
    await hold_asset(trader, "0.05", age=timedelta(seconds=31))
    assert await order(signer, bot, intent=SELL) == refused  # seen too long ago
    await hold_asset(trader, "0.05", asset="ETH")
    assert await order(signer, bot, intent=SELL) == refused
    assert signer.signatures() == 1


async def test_a_contained_venue_stops_every_traders_orders(signer: Signer, bot: Bot) -> None:
    other = await Trader(signer).ready()
    signer.courier.releases.clear()
    for level in RUNGS:
        await signer.admin.execute("UPDATE venue SET level = $1 WHERE venue_id = 'sandbox'", level)
        for each in (bot, other):
            assert await order(signer, each) in {
                "guardrail_refused:reduce_only", f"containment_forbids:{level.name.lower()}",
            }  # fmt: skip
    assert signer.signatures() == 0
    await signer.admin.execute("UPDATE venue SET level = 0")
    assert await order(signer, bot) == ""


async def test_frozen_signs_no_read_and_read_only_does(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    for level, refused in (
        (Level.REDUCE_ONLY, ""), (Level.CANCEL_ONLY, ""), (Level.READ_ONLY, ""),
        (Level.FROZEN, "containment_forbids:frozen"),
    ):  # fmt: skip
        await impose(trader, trader.credential_id, level)
        assert await signer.refusal(trader.read("balances")) == refused, level
    assert signer.signatures() == 0  # a read's request goes back to the courier that asked
    assert await order(signer, bot) == "containment_forbids:frozen"


@pytest.mark.parametrize("level", RUNGS, ids=lambda level: level.name.lower())
async def test_a_contained_root_enrols_links_and_grants_nothing(
    signer: Signer, trader: Trader, level: Level
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    link = await trader.import_request()
    await impose(trader, trader.root_id, level)
    forbidden = f"containment_forbids:{level.name.lower()}"
    assert await signer.refusal(link) == forbidden
    assert await signer.refusal(trader.sealing_key_request("totp")) == forbidden
    assert await signer.admin.fetchval(
        "SELECT count(*) FROM exchange_credential WHERE trader_id = $1", trader.trader_id
    ) == 0  # fmt: skip


@pytest.mark.parametrize("level", RUNGS, ids=lambda level: level.name.lower())
async def test_an_approved_grant_and_link_take_no_effect_under_a_fence(
    signer: Signer, trader: Trader, bot: Bot, level: Level
) -> None:
    requested, dead = await trader.request_grant()
    await trader.approve(requested.approval_id)
    await trader.import_key()
    await trader.attest()
    link = await trader.pending_approval()
    await trader.approve(link)
    signer.courier.releases.clear()
    forbidden = f"containment_forbids:{level.name.lower()}"
    await impose(trader, trader.credential_id, level)  # the one that is being linked
    assert await signer.refusal(trader.seal_request(link)) == forbidden
    await impose(trader, trader.root_id, level)
    for approval in (requested.approval_id, link):
        assert await signer.refusal(trader.seal_request(approval)) == forbidden
    assert await signer.refusal(dead.order()) == "grant_unknown"
    assert signer.signatures() == 0
    assert bot.sequence == 0


async def test_a_device_that_is_contained_itself_approves_nothing_and_still_denies(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held, denied = await bot.hold(), await bot.hold()
    await impose(trader, trader.bound.device_id, Level.FROZEN)
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id)
    assert await signer.refusal(request) == "containment_forbids:frozen"
    decided = await signer.ask(await trader.decide_request(denied.approval_id, "deny"))
    assert decided.state == "denied"


async def test_what_a_device_approved_before_it_was_revoked_is_not_carried_out_after(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """A stolen phone approves; the thief is faster than the owner, but not than the cord."""
    held = await bot.hold_and_approve()
    await impose(trader, trader.bound.device_id, Level.REVOKED)
    assert await signer.refusal(bot.execute(held.approval_id)) == "containment_forbids:revoked"
    assert signer.signatures() == 0
