"""A browser signs in: the code is typed there, the phone says yes, and one makes no session."""

from datetime import timedelta

import msgspec
import pytest

from app.sessions.errors import SessionNotFound
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.signing_in import ADDRESS, AGENT, Browser
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_sign_in_takes_the_code_in_the_browser_and_the_phones_word(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    browser = Browser(trader)
    view = await browser.begin()
    request = await trader.decide_request(view.approval_id, code=None)
    assert await signer.refusal(request) == "session_code_missing"
    assert (await browser.conclude(view.session_id)).state == "pending"
    await trader.let_time_pass()
    assert (await signer.ask(browser.prove(view.approval_id))).state == "pending"
    assert (await browser.conclude(view.session_id)).state == "pending"
    assert (await signer.ask(request)).state == "approved"
    session = await browser.conclude(view.session_id)
    assert (session.state, session.bearer is not None) == ("active", True)
    again = await browser.conclude(view.session_id)
    assert (again.state, again.bearer) == ("active", None)
    told = [(e["event"], e["outcome"]) for e in await signer.log(trader.trader_id)][-5:]
    assert told == [
        ("session.requested", "ok"), ("approval.decided", "refused"), ("session.code", "ok"),
        ("approval.decided", "ok"), ("session.started", "ok"),
    ]  # fmt: skip
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["address"], entry["user_agent"]) == (ADDRESS, AGENT)


async def test_a_code_proven_for_one_sign_in_serves_for_no_other_approval(
    signer: Signer, trader: Trader
) -> None:
    """The api can store two approvals about one attempt; one code is still one decision."""
    await trader.enrol()
    await trader.bind_factor()
    browser = Browser(trader)
    view, other = await browser.begin(), await browser.begin()
    await trader.let_time_pass()
    await signer.ask(browser.prove(view.approval_id))
    # The other attempt has no code, whether it is asked for plainly or its approval names this one.
    plain = await trader.decide_request(other.approval_id, code=None)
    assert await signer.refusal(plain) == "session_code_missing"
    await signer.as_owner(
        ("UPDATE approval SET subject_id = $2 WHERE approval_id = $1",
         other.approval_id, view.session_id)
    )  # fmt: skip
    assert await signer.refusal(plain) == "session_code_missing"
    assert (await signer.ask(await trader.decide_request(view.approval_id, code=None))).state == (
        "approved"
    )


async def test_a_sign_ins_code_is_proven_once_and_guesses_are_charged(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    browser = Browser(trader)
    view = await browser.begin()
    await trader.let_time_pass()
    wrong = browser.prove(view.approval_id, trader.code(step=9))
    assert await signer.refusal(wrong) == "totp_rejected"
    assert await trader.failures() == 1
    await signer.ask(browser.prove(view.approval_id))
    await trader.let_time_pass()
    assert await signer.refusal(browser.prove(view.approval_id)) == "session_not_found"


async def test_a_code_alone_proves_nothing_but_a_sign_in(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The browser's half names an approval; that of an order is not the browser's to decide."""
    held = await bot.hold()
    await trader.let_time_pass()
    browser = Browser(trader)
    assert await signer.refusal(browser.prove(held.approval_id)) == "approval_not_found"
    view = await browser.begin()
    late = browser.prove(view.approval_id)
    empty = msgspec.structs.replace(late, code=None)
    assert await signer.refusal(empty) == "malformed"
    signer.clock.ahead = timedelta(minutes=6)
    assert await signer.refusal(late) == "session_not_found"
    assert await trader.failures() == 0


async def test_a_denied_sign_in_is_over(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    browser = Browser(trader)
    view = await browser.begin()
    await signer.ask(await trader.decide_request(view.approval_id, "fraud"))
    await trader.let_time_pass()
    assert await signer.refusal(browser.prove(view.approval_id)) == "approval_not_pending"
    assert (await browser.conclude(view.session_id)).state == "denied"


async def test_a_phone_that_was_contained_since_its_yes_signs_nobody_in(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    browser = Browser(trader)
    view = await browser.begin()
    await trader.let_time_pass()
    await signer.ask(browser.prove(view.approval_id))
    await signer.ask(await trader.decide_request(view.approval_id, code=None))
    await trader.revoke(trader.bound.device_id)
    with pytest.raises(SessionNotFound):
        await browser.conclude(view.session_id)
