"""Rows without a MAC of their own: what was decided about cannot be edited."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from app.verbs.wire import Decide
from tests.signing.bot import Bot
from tests.signing.forging import HASHED, LATER, MORE, NEXT, OTHER_ID, Row
from tests.signing.parts import Signer
from tests.signing.signing_in import Browser
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORGED = "evidence_forged"


async def test_an_edited_decision_executes_nothing(signer: Signer, bot: Bot) -> None:
    edits = {
        "trader_id": OTHER_ID, "approval_id": OTHER_ID, "root_id": OTHER_ID,
        "device_id": OTHER_ID, "nonce": HASHED, "digest": HASHED,
        "decision": "'deny', method = 'none', factor_id = NULL", "factor_id": OTHER_ID,
        "statement": MORE, "decided_at": LATER, "version": NEXT, "mac": HASHED,
    }  # fmt: skip
    held = await bot.hold_and_approve()
    row = Row(signer, "decision", "approval_id", held.approval_id)
    # `method` has one value for each decision, so it changes with it.
    assert set(edits) | {"method"} == set(await row.columns())

    async def execute() -> str:
        return await signer.refusal(bot.execute(held.approval_id))

    refusals = await row.refusals(edits, execute)
    assert Counter(refusals.values()) == {
        FORGED: 7, "approval_not_approved": 3, "action_mismatch": 2,
    }  # fmt: skip
    assert (await signer.ask(bot.execute(held.approval_id))).state == "released"


async def test_an_edited_approval_executes_nothing(signer: Signer, bot: Bot) -> None:
    """It has no MAC, but the decision names its nonce and digest."""
    edits = {
        "action": "replace(convert_from(action, 'UTF8'), '0.02', '0.03')::bytea,"
        " digest = sha256(replace(convert_from(action, 'UTF8'), '0.02', '0.03')::bytea)",
        "nonce": HASHED,
        "action_type": "'bot.grant'",
        "trader_id": OTHER_ID,
        "approval_id": OTHER_ID,
        "subject_id": OTHER_ID,
        "state": "'denied'",
        "expires_at": "created_at + interval '1 microsecond'",
    }
    held = await bot.hold_and_approve()

    async def execute() -> str:
        return await signer.refusal(bot.execute(held.approval_id))

    await Row(signer, "approval", "approval_id", held.approval_id).refusals(edits, execute)
    assert (await signer.ask(bot.execute(held.approval_id))).state == "released"


async def test_an_approval_dated_ahead_is_decided_by_nobody(signer: Signer, bot: Bot) -> None:
    """Or it would never expire: its times are only a row's word."""
    held = await bot.hold()
    signer.clock.ahead = -timedelta(minutes=11)
    request = await bot.trader.decide_request(held.approval_id)
    assert await signer.refusal(request) == "approval_not_pending"
    signer.clock.ahead = timedelta(0)
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    assert signer.signatures() == 0


async def test_a_decision_is_too_old_after_ten_minutes_whatever_the_approval_says(
    signer: Signer, bot: Bot
) -> None:
    """The row's own times are nobody's evidence; the decision's time is under its MAC."""
    held, back = await bot.hold(), timedelta(minutes=11)
    move = (
        "UPDATE approval SET created_at = created_at + $2::interval,"
        " expires_at = expires_at + $2::interval WHERE approval_id = $1"
    )
    await signer.as_owner((move, held.approval_id, -back))
    signer.clock.ahead = -back
    await bot.trader.approve(held.approval_id)
    signer.clock.ahead = timedelta(0)
    await signer.as_owner((move, held.approval_id, back))
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    assert signer.signatures() == 0


async def test_a_no_after_a_yes_takes_it_back(signer: Signer, bot: Bot) -> None:
    held = await bot.hold()
    await bot.trader.approve(held.approval_id)
    denied = await signer.ask(await bot.trader.decide_request(held.approval_id, "deny"))
    assert denied.state == "cancelled"
    await signer.refusal(bot.execute(held.approval_id))
    assert signer.signatures() == 0
    assert (
        await signer.admin.fetchval(
            "SELECT state FROM bot_order WHERE order_id = $1", held.order_id
        )
        == "refused"
    )


async def test_an_edited_held_order_is_not_the_one_that_was_shown(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    other = bot.order("0.02", "49000.00", sequence=bot.sequence + 1)
    held = await bot.hold()
    await trader.approve(held.approval_id)
    row = Row(signer, "bot_order", "order_id", held.order_id)
    edits = {
        "jws": "$2", "jws_digest": HASHED, "sequence": NEXT, "grant_id": OTHER_ID,
        "client_order_id": MORE, "approval_id": OTHER_ID, "order_id": OTHER_ID,
    }  # fmt: skip

    async def execute() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.execute(held.approval_id))

    await row.refusals(edits, execute, value=other.order)
    # What is only a copy of the intent is not believed, and changes nothing of what is sent.
    copies = "quantity = 9, price = 1, side = 'sell', venue_id = 'x', notional = 1"
    await signer.as_owner((f"UPDATE bot_order SET {copies} WHERE order_id = $1", held.order_id))
    await signer.ask(bot.execute(held.approval_id))
    sent = parse_qs(signer.courier.releases[0].body.decode())
    assert (sent["side"], Decimal(sent["quantity"][0])) == (["BUY"], Decimal("0.02"))


async def test_an_edited_sign_in_code_is_no_factor(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    browser = Browser(trader)
    view = await browser.begin()
    await trader.let_time_pass()
    await signer.ask(browser.prove(view.approval_id))
    edits = {
        "trader_id": OTHER_ID, "session_id": OTHER_ID, "jkt": MORE, "approval_id": OTHER_ID,
        "code_verified_at": LATER, "code_factor_id": OTHER_ID, "code_mac": HASHED,
    }  # fmt: skip
    row = Row(signer, "session", "session_id", view.session_id)
    # The rest is shown from the approval's own bytes, or is a state that only grows.
    assert set(edits) | {"address", "user_agent", "state", "created_at", "expires_at"} == set(
        await row.columns()
    )
    request: Decide = await trader.decide_request(view.approval_id, code=None)

    async def approve() -> str:
        return await signer.refusal(request)

    refusals = await row.refusals(edits, approve)
    assert Counter(refusals.values()) == {FORGED: 4, "session_code_missing": 3}
    assert (await signer.ask(request)).state == "approved"
