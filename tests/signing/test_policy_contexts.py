"""What a policy decides: circumstances of orders, devices and sign-ins, floors, and the past."""

from datetime import timedelta
from typing import Any

import pytest

from app.approvals.simulating import replay
from app.policies.models import Need
from app.policies.rules import read_policy
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.policing import Policing, needing, plus, rule
from tests.signing.signing_in import Browser
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = timedelta(hours=24)
FILL = """
    UPDATE bot_order SET state = 'filled', filled_quantity = quantity, outcome_at = now()
     WHERE order_id = $1
"""
FORGET = "DELETE FROM known_address WHERE trader_id = $1"
SEEN = "INSERT INTO known_address VALUES ($1, '192.0.2.2', now() - $2::interval, now() - $2)"


@pytest.fixture
def policing(trader: Trader) -> Policing:
    return Policing(trader)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (rule("trade.order", "deny"), "policy_denies:trade.order"),
        (rule("trade.order", "deny", above="499"), "policy_denies:trade.order"),
        (rule("trade.order", "deny", above="500"), ""),
        (rule("trade.order", "deny", "new_market"), "policy_denies:trade.order"),
        (rule("trade.order", "deny", "new_address"), "policy_denies:trade.order"),
        (rule("trade.order", "deny", "young_device"), ""),
        (rule("*", "strong"), ""),
    ],
)
async def test_a_denial_also_stops_what_needs_no_approval(
    signer: Signer, bot: Bot, policing: Policing, said: dict[str, Any], refused: str
) -> None:
    await policing.put(plus(said))
    await signer.refresh_market()
    assert await signer.refusal(bot.order()) == refused
    assert signer.signatures() == (0 if refused else 1)
    row = await bot.row_of_last()
    assert row["state"] == ("refused" if refused else "released")


async def test_a_denial_stops_what_would_have_been_held_and_asks_nobody(
    signer: Signer, bot: Bot, policing: Policing, trader: Trader
) -> None:
    await policing.put(plus(rule("trade.order", "deny")))
    await trader.forget_prompts()
    await signer.refresh_market()
    assert await signer.refusal(bot.order("0.02")) == "policy_denies:trade.order"
    assert (await bot.row_of_last())["state"] == "refused"
    asked = "SELECT count(*) FROM approval WHERE trader_id = $1 AND state = 'pending'"
    assert await signer.admin.fetchval(asked, trader.trader_id) == 0


async def test_a_market_is_new_until_an_order_in_it_was_filled(
    signer: Signer, bot: Bot, policing: Policing
) -> None:
    first = await bot.place()
    await policing.put(plus(rule("trade.order", "deny", "new_market")))
    await signer.refresh_market()
    assert await signer.refusal(bot.order()) == "policy_denies:trade.order"
    await signer.as_owner((FILL, first.order_id))
    assert (await bot.place()).state == "released"
    other = {
        "kind": "order", "market": "ETHUSDT", "side": "buy", "type": "limit",
        "quantity": "0.1", "price": "2500.00", "time_in_force": "GTC",
    }  # fmt: skip
    await signer.refresh_market("ETHUSDT")
    assert await signer.refusal(bot.order(intent=other)) == "policy_denies:trade.order"


async def test_an_address_is_known_once_something_from_there_was_approved(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    await policing.put(plus(rule("trade.order", "deny", "new_address")))
    await signer.refresh_market()
    assert await signer.refusal(bot.order()) == "policy_denies:trade.order"
    await signer.as_owner((SEEN, trader.trader_id, timedelta(days=89)))
    assert (await bot.place()).state == "released"
    await signer.as_owner((FORGET, trader.trader_id))
    await signer.as_owner((SEEN, trader.trader_id, timedelta(days=91)))
    await signer.refresh_market()
    assert await signer.refusal(bot.order()) == "policy_denies:trade.order"


async def test_approving_makes_the_requesters_address_known_but_not_for_itself(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    held = await bot.hold_and_approve()
    seen = await signer.admin.fetch(
        "SELECT address FROM known_address WHERE trader_id = $1 ORDER BY address", trader.trader_id
    )
    assert "192.0.2.2" in [row["address"] for row in seen]
    await policing.put(plus(rule("trade.order", "strong", "new_address")))
    await signer.refresh_market()
    assert await signer.refusal(bot.execute(held.approval_id)) == "factor_too_weak"
    assert await policing.strength_of((await bot.hold()).approval_id) == "medium"


async def test_a_young_device_is_asked_for_more_when_it_decides(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    await policing.put(plus(rule("session.sign_in", "deny", "young_device")))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "medium"
    request = await trader.decide_request(begun.approval_id)
    assert await signer.refusal(request) == "policy_denies:session.sign_in"
    policing.at(DAY + timedelta(minutes=1))
    browser = Browser(trader)
    begun = await browser.begin()
    await trader.let_time_pass()
    assert (await signer.ask(await trader.decide_request(begun.approval_id))).state == "approved"


async def test_at_night_where_the_trader_lives_more_is_asked(
    trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    now = policing.at(timedelta(0))
    earlier, later = now - timedelta(hours=1), now + timedelta(hours=1)
    night = {"begins": f"{earlier:%H:%M}", "ends": f"{later:%H:%M}"}
    await policing.put(plus(rule("session.sign_in", "strong", "night"), night=night))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "strong"
    policing.at(timedelta(hours=2))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "medium"


async def test_a_denied_sign_in_rings_nobody_and_answers_as_ever(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    await policing.put(needing("session.sign_in", "deny"))
    before = await signer.admin.fetchval(
        "SELECT count(*) FROM approval WHERE trader_id = $1", trader.trader_id
    )
    begun = await Browser(trader).begin()
    assert begun.state == "pending"
    after = await signer.admin.fetchval(
        "SELECT count(*) FROM approval WHERE trader_id = $1", trader.trader_id
    )
    assert after == before
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["event"], entry["outcome"], entry["rule"]) == (
        "session.requested", "refused", "policy_denies:session.sign_in",
    )  # fmt: skip


async def test_a_sign_in_is_not_made_under_a_policy_that_asks_for_more_by_now(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    browser = Browser(trader)
    begun = await browser.begin()
    await trader.let_time_pass()
    await signer.ask(browser.prove(begun.approval_id))
    await signer.ask(await trader.decide_request(begun.approval_id, code=None))
    await policing.put(needing("session.sign_in", "deny"))
    with pytest.raises(Exception, match="policy_denies"):
        await browser.conclude(begun.session_id)


async def test_an_operators_floor_holds_whatever_the_policy_says(
    signer: Signer, bot: Bot, policing: Policing
) -> None:
    held = await bot.hold_and_approve()
    await signer.as_owner(
        ("INSERT INTO policy_floor VALUES ('trade.order', 'strong', 'a test', 'test', now())",)
    )
    try:
        await signer.refresh_market()
        assert await signer.refusal(bot.execute(held.approval_id)) == "factor_too_weak"
        assert await policing.strength_of((await bot.hold()).approval_id) == "strong"
    finally:
        await signer.as_owner(("DELETE FROM policy_floor",))


async def test_a_replay_says_what_a_draft_would_have_made_of_the_past(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    sent = await bot.place()
    held = await bot.hold_and_approve()

    async def replayed(*rules: dict[str, Any]) -> dict[Any, tuple[Any, Any]]:
        async with signer.api.session() as tx:
            found = await replay(tx, read_policy(plus(*rules)), trader.trader_id, 10)
        assert [item.at for item in found] == sorted((i.at for i in found), reverse=True)
        return {item.subject_id: (item.asked, item.would) for item in found}

    was = await replayed()
    assert was[sent.order_id] == (None, None)
    assert was[held.approval_id] == (Need.MEDIUM, Need.MEDIUM)
    assert {asked for asked, _ in was.values()} == {None, Need.MEDIUM}
    strict = await replayed(
        rule("trade.order", "strong", above="999"), rule("trade.order", "deny", above="1000"),
        rule("bot.grant", "phishing_resistant", "young_device"),
    )  # fmt: skip
    assert (strict[sent.order_id], strict[held.approval_id]) == (
        (None, None), (Need.MEDIUM, Need.STRONG),
    )  # fmt: skip
    assert Need.PHISHING_RESISTANT in {would for _, would in strict.values()}
    denied = await replayed(rule("trade.order", "deny", "new_market"))
    assert (denied[sent.order_id], denied[held.approval_id]) == (
        (None, Need.DENY), (Need.MEDIUM, Need.DENY),
    )  # fmt: skip
