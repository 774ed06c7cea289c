"""`fraud` says no, and contains whoever asked, in the same commit."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.approvals import governing
from app.core.ids import new_id
from tests.signing.asking import asking_for
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second order is part of the first one's burst, however slow this machine is."""
    monkeypatch.setattr(governing, "BURST_WINDOW", timedelta(seconds=60))


async def fences(trader: Trader) -> dict[UUID, Any]:
    rows = await trader.signer.admin.fetch(
        "SELECT token_id, level, imposed_by, reason FROM fence WHERE trader_id = $1",
        trader.trader_id,
    )
    return {row["token_id"]: (row["level"], row["imposed_by"]) for row in rows}


async def state(trader: Trader, approval_id: UUID) -> str:
    return str(
        await trader.signer.admin.fetchval(
            "SELECT state FROM approval WHERE approval_id = $1", approval_id
        )
    )


async def notices(trader: Trader) -> int:
    found: int = await trader.signer.admin.fetchval(
        "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'", trader.trader_id
    )
    return found


async def register_push(trader: Trader) -> None:
    await trader.signer.admin.execute(
        "INSERT INTO push_registration (trader_id, device_id, provider, kind, registration)"
        " VALUES ($1, $2, 'fcm', 'token', 'r')",
        *(trader.trader_id, trader.bound.device_id),
    )


async def test_a_bot_is_frozen_and_all_else_it_asked_is_taken_back(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    await register_push(trader)
    first = await bot.hold()
    second = await bot.place("0.02")
    assert second.approval_id is not None
    await signer.ask(await trader.decide_request(first.approval_id, "fraud"))
    assert await state(trader, first.approval_id) == "fraud"
    assert await fences(trader) == {bot.grant_id: (4, "trader")}
    assert await state(trader, second.approval_id) == "cancelled"
    row = await bot.row(second.order_id)
    assert (row["state"], row["rule"]) == ("refused", "fraud")
    assert await notices(trader) == 1
    await signer.refresh_market()
    assert await signer.refusal(bot.order("0.001")) == "containment_forbids:frozen"
    events = [entry["event"] for entry in await signer.log(trader.trader_id)]
    assert events.index("approval.decided") < events.index("token.tightened")


async def test_what_was_approved_of_it_and_not_carried_out_is_taken_back_too(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    held = await bot.hold()
    await trader.approve(held.approval_id)
    await signer.refresh_market()
    again = await bot.place("0.02")
    assert again.approval_id is not None
    await signer.ask(await trader.decide_request(again.approval_id, "fraud"))
    assert await state(trader, held.approval_id) == "cancelled"
    await signer.refresh_market()
    assert (await signer.ask(bot.execute(held.approval_id))).state == "refused"
    assert signer.signatures() == 0


async def test_a_fraud_seen_after_the_yes_contains_as_well(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    held = await bot.hold()
    await trader.approve(held.approval_id)
    await signer.ask(await trader.decide_request(held.approval_id, "fraud"))
    assert await state(trader, held.approval_id) == "cancelled"
    assert await fences(trader) == {bot.grant_id: (4, "trader")}


async def test_every_token_of_a_platform_is_frozen_and_no_bot(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    asking, node = await asking_for(trader), new_id()
    await signer.admin.execute(
        "SELECT mint_token($1,$2,'platform',$3,NULL,NULL,'{tree.read}','reports','2100-01-01')",
        *(trader.trader_id, node, trader.root_id),
    )
    await signer.ask(await trader.decide_request(await asking.ask(), "fraud"))
    assert await fences(trader) == {node: (4, "trader")}
    await signer.refresh_market()
    assert (await bot.place("0.001")).state == "released"


async def test_a_platform_without_a_token_is_muted_and_the_devices_are_told(
    trader: Trader, signer: Signer
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    await register_push(trader)
    asking = await asking_for(trader)
    await signer.ask(await trader.decide_request(await asking.ask(), "fraud"))
    assert await fences(trader) == {}
    assert await notices(trader) == 1
    muted = "SELECT lineage FROM muted_lineage WHERE trader_id = $1"
    assert await signer.admin.fetchval(muted, trader.trader_id) == asking.origin.actor


async def test_a_device_that_doubts_its_own_request_only_takes_it_back(
    trader: Trader, signer: Signer
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    await trader.import_key()
    await trader.attest()
    approval_id = await trader.pending_approval()
    await signer.ask(await trader.decide_request(approval_id, "fraud"))
    assert await state(trader, approval_id) == "fraud"
    assert await fences(trader) == {}


async def test_a_deny_contains_nobody(bot: Bot, trader: Trader, signer: Signer) -> None:
    held = await bot.hold()
    await signer.ask(await trader.decide_request(held.approval_id, "deny"))
    assert await fences(trader) == {}


async def test_a_forged_fraud_contains_nobody(bot: Bot, trader: Trader, signer: Signer) -> None:
    held, thief = await bot.hold(), Trader(signer)
    await thief.enrol()
    request = await trader.decide_request(held.approval_id, "fraud", device=thief.device)
    assert await signer.refusal(request) == "signature_rejected"
    assert await fences(trader) == {}
