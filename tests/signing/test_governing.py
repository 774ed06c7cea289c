"""D01, D61: nobody is asked so often that they say yes to be left alone (DESIGN sections 6, 10)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from app.approvals import governing
from app.approvals.errors import CoolingDown, PromptOpen, PromptsExhausted, RequesterMuted
from app.core.errors import DomainError
from app.core.origin import Origin
from app.requesting.external import ExternalRequests
from app.tokens.models import Level
from tests.core.keys import P256
from tests.signing.asking import Asking, asking_for
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader
from tests.signing.tree import grant_under

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def asking(trader: Trader) -> Asking:
    await trader.enrol()
    await trader.bind_factor()
    await trader.listen()
    return await asking_for(trader)


async def bells(trader: Trader, topic: str = "approval") -> int:
    found: int = await trader.signer.admin.fetchval(
        "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = $2",
        *(trader.trader_id, topic),
    )
    return found


async def earlier(trader: Trader, minutes: int) -> None:
    """As if everything asked until now had been asked that long ago."""
    await earlier_by_seconds(trader, minutes * 60)


async def earlier_by_seconds(trader: Trader, seconds: int) -> None:
    times = ("created_at", "expires_at", "decided_at")
    changes = ", ".join(f"{name} = {name} - interval '{seconds} seconds'" for name in times)
    muted = f"UPDATE muted_lineage SET until = until - interval '{seconds} seconds'"
    await trader.signer.as_owner(
        (f"UPDATE approval SET {changes} WHERE trader_id = $1", trader.trader_id),
        (f"{muted} WHERE trader_id = $1", trader.trader_id),
    )


async def end(trader: Trader, approval_id: UUID, decision: str) -> None:
    await trader.signer.ask(await trader.decide_request(approval_id, decision))


async def test_one_is_open_at_a_time_on_every_node(asking: Asking, signer: Signer) -> None:
    await asking.ask()
    other_node = ExternalRequests(signer.api, signer.clock)
    for requests in (asking.requests, other_node):
        asking.requests = requests
        with pytest.raises(PromptOpen) as refused:
            await asking.ask(market="BTC")
        assert 0 < refused.value.retry_after_seconds <= 120
    assert await bells(asking.trader) == 1


async def test_of_a_crowd_that_asks_at_once_one_is_asked(asking: Asking) -> None:
    answers = await asyncio.gather(
        *(asking.ask(market=f"M{n}") for n in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, UUID) for answer in answers) == 1
    assert sum(isinstance(answer, PromptOpen) for answer in answers) == 3
    assert await bells(asking.trader) == 1


async def test_a_fourth_in_ten_minutes_is_refused_and_says_when_to_come_back(
    asking: Asking,
) -> None:
    for n in range(3):
        approval_id = await asking.ask(market=f"M{n}")
        await asking.requests.cancel(asking.trader.trader_id, approval_id, asking.origin)
    with pytest.raises(PromptsExhausted) as refused:
        await asking.ask(market="M3")
    assert 590 <= refused.value.retry_after_seconds <= 600
    await earlier(asking.trader, 9)
    with pytest.raises(PromptsExhausted):
        await asking.ask(market="M3")
    await earlier(asking.trader, 1)
    await asking.ask(market="M3")


async def test_a_yes_begins_the_count_anew(asking: Asking) -> None:
    for n in range(5):
        approval_id = await asking.ask(market=f"M{n}")
        await asking.trader.approve(approval_id)
    assert await bells(asking.trader) == 5


async def test_what_was_denied_is_not_asked_again_for_ten_minutes(asking: Asking) -> None:
    approval_id = await asking.ask(market="BTC", side="buy")
    await end(asking.trader, approval_id, "deny")
    before = await bells(asking.trader)
    for _ in range(10):  # D61: denied, and at once sent again
        with pytest.raises(CoolingDown) as refused:
            await asking.ask(market="BTC", side="buy", reference="another")
    assert 590 <= refused.value.retry_after_seconds <= 600
    assert await bells(asking.trader) == before
    await asking.ask(market="BTC", side="sell")  # something else is another question
    await earlier(asking.trader, 11)
    await asking.ask(market="BTC", side="buy")


async def test_after_two_strikes_it_is_listed_and_rings_no_more_until_a_yes(
    asking: Asking,
) -> None:
    for market in ("A", "B"):
        await end(asking.trader, await asking.ask(market=market), "deny")
    before = await bells(asking.trader)
    listed = await asking.ask(market="C")
    assert await bells(asking.trader) == before
    assert await asking.trader.pending_approval() == listed
    await asking.trader.approve(listed)
    await asking.ask(market="D")
    assert await bells(asking.trader) == before + 1


async def test_the_traders_own_cap_only_makes_silent(asking: Asking) -> None:
    for n in range(10):
        await asking.trader.approve(await asking.ask(market=f"M{n}"))
    before = await bells(asking.trader)
    listed = await asking.ask(market="M11")
    assert await bells(asking.trader) == before
    assert await asking.trader.pending_approval() == listed


async def test_a_flood_silences_nothing_that_the_owner_asks(asking: Asking, signer: Signer) -> None:
    for n in range(11):
        await asking.trader.approve(await asking.ask(market=f"M{n}"))
    await end(asking.trader, await asking.ask(market="X"), "deny")
    trader, before = asking.trader, await bells(asking.trader)
    async with signer.api.transaction() as tx:
        await tx.execute(
            "SELECT tighten($1,$2,$3,'t','device:x',NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
            *(trader.trader_id, trader.root_id, int(Level.READ_ONLY)),
        )
    asked, _ = await signer.lifts.request(
        trader.trader_id, trader.root_id, to=Level.ACTIVE, origin=trader.origin
    )
    assert await bells(trader) == before + 1
    await trader.approve(asked.approval_id)
    await signer.ask(trader.seal_request(asked.approval_id))


async def test_a_stolen_phone_rings_the_others_ten_times_and_is_still_not_refused(
    asking: Asking, signer: Signer
) -> None:
    trader = asking.trader
    async with signer.api.transaction() as tx:
        await tx.execute(
            "SELECT tighten($1,$2,$3,'t','device:x',NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
            *(trader.trader_id, trader.root_id, int(Level.READ_ONLY)),
        )
    for _ in range(12):
        await signer.lifts.request(
            trader.trader_id, trader.root_id, to=Level.ACTIVE, origin=trader.origin
        )
    assert await bells(trader) == 10


async def test_a_flood_of_sign_ins_becomes_silent_by_address_and_then_is_not_asked(
    asking: Asking, signer: Signer
) -> None:
    trader = asking.trader

    async def begin(address: str) -> Any:
        origin = Origin(actor="anyone", address=address)
        return await signer.sign_ins.begin(trader.trader_id, P256().jkt, origin)

    for n in range(25):  # one /64 is one site, whatever address of it is used
        await begin(f"2001:db8::{n + 1:x}")
    assert await bells(trader, "login") == 1
    stored = "SELECT count(*) FROM session WHERE trader_id = $1"
    assert await signer.admin.fetchval(stored, trader.trader_id) == 20
    await begin("203.0.113.5")  # the owner, from elsewhere
    assert await bells(trader, "login") == 2


async def test_a_bot_answers_for_the_grants_beneath_it(bot: Bot, trader: Trader) -> None:
    held = await bot.hold()
    lineage = await trader.signer.admin.fetchval(
        "SELECT lineage FROM approval WHERE approval_id = $1", held.approval_id
    )
    assert lineage == f"grant:{bot.grant_id}"


async def test_an_order_that_may_not_be_asked_is_refused_and_its_number_spent(
    bot: Bot, signer: Signer
) -> None:
    await bot.hold()
    await earlier_by_seconds(bot.trader, 3)
    await signer.refresh_market()
    assert await signer.refusal(bot.order("0.02")) == "prompt_open"
    assert (await bot.row_of_last())["rule"] == "prompt_open"


async def test_a_muted_requester_asks_nothing_for_a_day(asking: Asking) -> None:
    await end(asking.trader, await asking.ask(), "fraud")
    for minutes in (0, 23 * 60):
        await earlier(asking.trader, minutes)
        with pytest.raises(RequesterMuted):
            await asking.ask(market="other", kind="transfer")
    await earlier(asking.trader, 61)
    await asking.ask()


async def test_each_refusal_is_told_with_its_own_word(asking: Asking) -> None:
    await asking.ask()
    with pytest.raises(DomainError) as refused:
        await asking.ask()
    assert refused.value.code == "prompt_open"
    assert timedelta(seconds=refused.value.retry_after_seconds) <= timedelta(minutes=2)


async def test_sign_ins_of_strangers_silence_nobody_who_has_a_token(
    asking: Asking, signer: Signer
) -> None:
    trader = asking.trader
    for n in range(11):  # sites of their own: each rings once, until there were ten
        origin = Origin(actor="anyone", address=f"198.51.{n}.7")
        await signer.sign_ins.begin(trader.trader_id, P256().jkt, origin)
    assert await bells(trader, "login") == 10
    await asking.ask()
    assert await bells(trader) == 1


async def test_a_bot_beneath_another_has_one_batch_open_at_a_time(
    bot: Bot, trader: Trader, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await grant_under(trader, bot.grant_id)
    await trader.forget_prompts()
    with monkeypatch.context() as slow:
        slow.setattr(governing, "BURST_WINDOW", timedelta(seconds=60))
        for _ in range(5):
            await child.place("0.02")
    await earlier_by_seconds(trader, 3)
    await signer.refresh_market()
    assert await signer.refusal(child.order("0.02")) == "prompt_open"
