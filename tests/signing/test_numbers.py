"""`device_number`: what the requester's screen shows, typed on the phone, once."""

import asyncio
from typing import Any

import pytest

from app.core.ids import new_id
from app.core.origin import Origin
from app.verbs.wire import Decide, Decided, RevealCode
from tests.core.keys import P256
from tests.signing.bot import Bot, Held
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def typed(trader: Trader, held: Held, number: Any, **changes: Any) -> Decide:
    claims = {"method": "device_number", "number": number} | changes
    return await trader.decide_request(held.approval_id, code=None, claims=claims)


async def state_of(signer: Signer, held: Held) -> str:
    found: str = await signer.admin.fetchval(
        "SELECT state FROM approval WHERE approval_id = $1", held.approval_id
    )
    return found


async def rung(signer: Signer, trader: Trader) -> int:
    found: int = await signer.admin.fetchval(
        "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'",
        trader.trader_id,
    )
    return found


def another(number: str, by: int = 1) -> str:
    return f"{(int(number) + by) % 10_000:04d}"


async def test_the_number_on_the_bots_screen_approves_the_order_and_it_is_sent(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    number = await bot.number(held.approval_id)
    assert len(number) == 4
    assert number.isdecimal()
    assert await bot.number(held.approval_id) == number  # after a lost reply
    decided: Decided = await signer.ask(await typed(trader, held, number))
    assert decided.state == "approved"
    row = await signer.admin.fetchrow(
        "SELECT method, factor_id FROM decision WHERE approval_id = $1", held.approval_id
    )
    assert tuple(row) == ("device_number", None)
    outcome = await signer.ask(bot.execute(held.approval_id))
    assert outcome.state == "released"
    assert signer.signatures() == 1


async def test_one_wrong_number_ends_it_and_is_told_and_logged(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    number, before = await bot.number(held.approval_id), await rung(signer, trader)
    wrong = await typed(trader, held, another(number))
    assert await signer.refusal(wrong) == "wrong_number"
    assert await state_of(signer, held) == "denied"
    assert (await bot.row(held.order_id))["state"] == "refused"
    last = (await signer.log(trader.trader_id))[-1]
    assert (last["event"], last["outcome"], last["rule"]) == (
        "approval.decided", "refused", "wrong_number",
    )  # fmt: skip
    assert last["subject_id"] == held.approval_id
    assert await rung(signer, trader) == before + await devices(signer, trader)
    # Not even the right one afterwards, nor the authenticator.
    assert await signer.refusal(await typed(trader, held, number)) == "approval_not_pending"
    await trader.let_time_pass()
    late = await trader.decide_request(held.approval_id)
    assert await signer.refusal(late) == "approval_not_pending"
    assert await signer.refusal(bot.number_request(held.approval_id)) == "approval_not_pending"
    assert signer.signatures() == 0


async def devices(signer: Signer, trader: Trader) -> int:
    found: int = await signer.admin.fetchval(
        "SELECT count(*) FROM push_registration WHERE trader_id = $1", trader.trader_id
    )
    return found


async def test_of_many_numbers_at_once_the_first_one_counts(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """Sixty-four guesses over two signers, the right one among them: never better than one."""
    twin = await signer.twin()
    try:
        approved = 0
        for _ in range(6):
            held = await bot.hold()
            number = await bot.number(held.approval_id)
            guesses = [another(number, by) for by in range(1, 64)]
            guesses.append(number)  # last in line
            requests = [await typed(trader, held, guess) for guess in guesses]
            signers = (signer, twin)
            outcomes = await asyncio.gather(
                *(signers[n % 2].ask(one) for n, one in enumerate(requests)),
                return_exceptions=True,
            )
            won = sum(isinstance(outcome, Decided) for outcome in outcomes)
            state = await state_of(signer, held)
            assert (won, state) in {(1, "approved"), (0, "denied")}
            approved += won
            ended = [e for e in await signer.log(trader.trader_id) if e["rule"] == "wrong_number"]
            mine = [e for e in ended if e["subject_id"] == held.approval_id]
            assert len([e for e in mine if e["request_digest"] is not None]) == 1 - won
        assert approved < 3
    finally:
        await twin.close()


@pytest.mark.parametrize(
    "number", ["123", "12345", "+123", "\uff11\uff12\uff13\uff14", " 123", "12a4", 1234, None]
)
async def test_what_is_no_number_is_refused_before_anything_is_compared(
    signer: Signer, trader: Trader, bot: Bot, number: Any
) -> None:
    held = await bot.hold()
    refused = await signer.refusal(await typed(trader, held, number))
    assert refused == "signature_rejected"
    assert await state_of(signer, held) == "pending"


async def test_a_yes_by_number_without_one_and_with_a_code_is_malformed(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    number = await bot.number(held.approval_id)
    without = await trader.decide_request(
        held.approval_id, code=None, claims={"method": "device_number"}
    )
    assert await signer.refusal(without) == "malformed"
    claims = {"method": "device_number", "number": number}
    both = await trader.decide_request(held.approval_id, code="123456", claims=claims)
    assert await signer.refusal(both) == "malformed"
    assert await state_of(signer, held) == "pending"


async def test_only_who_asked_is_shown_the_number(signer: Signer, trader: Trader, bot: Bot) -> None:
    held = await bot.hold()
    for actor in (f"grant:{new_id()}", f"platform:{new_id()}", trader.origin.actor, "grant:", ""):
        asked = RevealCode(
            trader_id=trader.trader_id, approval_id=held.approval_id, statement=None,
            origin=Origin(actor=actor),
        )  # fmt: skip
        assert await signer.refusal(asked) == "approval_not_found"
    stranger = await Trader(signer).ready()
    asked = RevealCode(
        trader_id=stranger.trader.trader_id, approval_id=held.approval_id, statement=None,
        origin=bot.origin,
    )  # fmt: skip
    assert await signer.refusal(asked) == "approval_not_found"


async def test_what_a_phone_asks_for_has_no_number(signer: Signer, trader: Trader) -> None:
    """Its own screen would show what it types: that is one thing in one hand, and not two."""
    await trader.enrol()
    await trader.bind_factor()
    await trader.import_key()
    await trader.attest()
    approval = await trader.pending_approval()
    asked = RevealCode(
        trader_id=trader.trader_id, approval_id=approval, statement=None, origin=trader.origin
    )
    assert await signer.refusal(asked) == "no_number"
    claims = {"method": "device_number", "number": "0000"}
    typed_in = await trader.decide_request(approval, code=None, claims=claims)
    assert await signer.refusal(typed_in) == "no_number"


async def test_another_keys_word_ends_nothing(signer: Signer, trader: Trader, bot: Bot) -> None:
    held = await bot.hold()
    number = await bot.number(held.approval_id)
    claims = {"method": "device_number", "number": another(number)}
    forged = await trader.decide_request(held.approval_id, code=None, claims=claims, device=P256())
    assert await signer.refusal(forged) == "signature_rejected"
    assert await state_of(signer, held) == "pending"


async def test_no_number_stands_in_the_log_the_outbox_or_any_row(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    number = await bot.number(held.approval_id)
    for table in ("access_log", "outbox", "approval"):
        rows = await signer.admin.fetch(
            f"SELECT to_jsonb(t)::text AS text FROM {table} t WHERE trader_id = $1",
            trader.trader_id,
        )
        assert all(f'"{number}"' not in row["text"] for row in rows)
    shown = [e for e in await signer.log(trader.trader_id) if e["event"] == "approval.number_shown"]
    assert [e["subject_id"] for e in shown] == [held.approval_id]
    assert shown[0]["actor"] == bot.origin.actor


async def test_each_request_has_a_number_of_its_own(bot: Bot) -> None:
    numbers = {await bot.number((await bot.hold()).approval_id) for _ in range(12)}
    assert len(numbers) > 10
