"""`push_otp`: the phone says yes and is told a code, which decides where the request came from."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from app.core.ids import new_id
from app.core.origin import Origin
from app.otp.push import MAX_ATTEMPTS
from app.verbs.wire import Decided, RevealedCode
from tests.core.keys import P256
from tests.signing.bot import Bot, Held
from tests.signing.parts import Signer
from tests.signing.policing import as_if_approved_yesterday, needing
from tests.signing.trader import Trader

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("lenient")]


@pytest_asyncio.fixture(loop_scope="session")
async def lenient(trader: Trader, bot: Bot) -> None:
    """The trader's own policy asks for little; none that comes with the product does."""
    del bot
    await as_if_approved_yesterday(trader, needing("trade.order", "out_of_band"))


async def hold(signer: Signer, bot: Bot) -> Held:
    held = await bot.hold()
    await signer.as_owner(
        ("UPDATE approval SET required_strength = 'out_of_band' WHERE approval_id = $1",
         held.approval_id)
    )  # fmt: skip
    return held


async def reveal(signer: Signer, trader: Trader, held: Held) -> str:
    told: RevealedCode = await signer.ask(await trader.reveal_request(held.approval_id))
    return told.code


def another(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 10**8:08d}"


async def state_of(signer: Signer, held: Held) -> str:
    found: str = await signer.admin.fetchval(
        "SELECT state FROM approval WHERE approval_id = $1", held.approval_id
    )
    return found


async def row_of(signer: Signer, held: Held) -> Any:
    return await signer.admin.fetchrow(
        "SELECT * FROM push_otp WHERE approval_id = $1", held.approval_id
    )


async def test_a_code_typed_at_the_bots_decides_what_the_phone_said_yes_to(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    assert len(code) == 8
    assert await state_of(signer, held) == "pending"  # a yes alone decides nothing
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    decided: Decided = await signer.ask(bot.typed_request(held.approval_id, code))
    assert decided.state == "approved"
    decision = await signer.admin.fetchrow(
        "SELECT method, factor_id, device_id FROM decision WHERE approval_id = $1",
        held.approval_id,
    )
    assert tuple(decision) == ("push_otp", None, trader.bound.device_id)
    assert (await signer.ask(bot.execute(held.approval_id))).state == "released"
    assert signer.signatures() == 1


async def test_a_code_is_good_once_and_of_many_at_once_one_wins(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    twin = await signer.twin()
    signers, won = (signer, twin), 0
    try:
        for _ in range(3):  # on a busy machine all may be told to come back: nobody wins then
            held = await hold(signer, bot)
            code = await reveal(signer, trader, held)
            outcomes = await asyncio.gather(
                *(signers[n % 2].ask(bot.typed_request(held.approval_id, code)) for n in range(16)),
                return_exceptions=True,
            )
            won = sum(isinstance(outcome, Decided) for outcome in outcomes)
            assert won <= 1
            if won:
                break
    finally:
        await twin.close()
    assert won == 1
    assert await state_of(signer, held) == "approved"
    again = await signer.refusal(bot.typed_request(held.approval_id, code))
    assert again == "approval_not_pending"


async def test_five_wrong_codes_end_it_and_the_code_is_charged_whatever_else_happens(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    for attempts in range(1, MAX_ATTEMPTS):
        wrong = bot.typed_request(held.approval_id, another(code, attempts))
        assert await signer.refusal(wrong) == "push_code_rejected"
        assert (await row_of(signer, held))["attempts"] == attempts
        assert await state_of(signer, held) == "pending"
    # A code made anew buys no further attempt.
    code = await reveal(signer, trader, held)
    assert (await row_of(signer, held))["attempts"] == MAX_ATTEMPTS - 1
    last = bot.typed_request(held.approval_id, another(code))
    assert await signer.refusal(last) == "push_code_rejected"
    assert await state_of(signer, held) == "denied"
    assert (await bot.row(held.order_id))["state"] == "refused"
    right = await signer.refusal(bot.typed_request(held.approval_id, code))
    assert right == "approval_not_pending"
    rules = [e["rule"] for e in await signer.log(trader.trader_id) if e["outcome"] == "refused"]
    assert rules.count("push_code_attempts") == 1
    assert rules.count("push_code_rejected") == MAX_ATTEMPTS


async def test_an_old_code_is_nothing_once_a_new_one_was_made(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await hold(signer, bot)
    old, new = await reveal(signer, trader, held), await reveal(signer, trader, held)
    refused = await signer.refusal(bot.typed_request(held.approval_id, old))
    assert refused == ("push_code_rejected" if old != new else "")
    assert await signer.refusal(bot.typed_request(held.approval_id, new)) == ""


@pytest.mark.parametrize("spell", [" {}", "{} ", "{}\n", "+{}", "{}0", "", "0x"])
async def test_only_eight_ascii_digits_are_a_code(
    signer: Signer, trader: Trader, bot: Bot, spell: str
) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    request = bot.typed_request(held.approval_id, spell.format(code))
    assert await signer.refusal(request) == "push_code_rejected"
    wide = "".join(chr(0xFF10 + int(digit)) for digit in code)
    assert await signer.refusal(bot.typed_request(held.approval_id, wide)) == "push_code_rejected"
    assert (await row_of(signer, held))["attempts"] == 2


async def test_nobody_but_who_asked_may_type_it(signer: Signer, trader: Trader, bot: Bot) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    request = bot.typed_request(held.approval_id, code)
    for actor in (f"grant:{new_id()}", f"platform:{new_id()}", trader.origin.actor, ""):
        other = msgspec.structs.replace(request, origin=Origin(actor=actor))
        assert await signer.refusal(other) == "approval_not_found"
    assert (await row_of(signer, held))["attempts"] == 0
    assert await signer.refusal(request) == ""


async def test_no_code_before_the_phone_has_said_yes(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await hold(signer, bot)
    request = bot.typed_request(held.approval_id, "00000000")
    assert await signer.refusal(request) == "push_code_rejected"
    other = await hold(signer, bot)
    code = await reveal(signer, trader, other)
    foreign = bot.typed_request(held.approval_id, code)
    assert await signer.refusal(foreign) == "push_code_rejected"


async def test_a_reveal_is_the_devices_word_about_exactly_this(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held, other = await hold(signer, bot), await hold(signer, bot)
    good = await trader.reveal_request(held.approval_id)
    cases: list[tuple[Any, str]] = [
        (await trader.reveal_request(held.approval_id, device=P256()), "signature_rejected"),
        (await trader.reveal_request(held.approval_id, nonce="A" * 43), "action_mismatch"),
        (await trader.reveal_request(held.approval_id, digest="A" * 43), "action_mismatch"),
        (await trader.reveal_request(held.approval_id, decision="deny"), "signature_rejected"),
        (await trader.reveal_request(held.approval_id, method="totp"), "signature_rejected"),
        (await trader.reveal_request(held.approval_id, number="1234"), "signature_rejected"),
        (await trader.reveal_request(held.approval_id, iat=1), "statement_rejected"),
        (await trader.reveal_request(held.approval_id, device_id=str(new_id())),
         "statement_rejected"),
        (msgspec.structs.replace(good, approval_id=other.approval_id), "approval_not_found"),
        (msgspec.structs.replace(good, origin=Origin(actor="x")), "malformed"),
    ]  # fmt: skip
    for request, refused in cases:
        assert await signer.refusal(request) == refused
    # A decision is no reveal request, and a reveal request no decision.
    decision = await trader.decision(held.approval_id, claims={"method": "push_otp"})
    crossed = msgspec.structs.replace(good, statement=decision)
    assert await signer.refusal(crossed) == "signature_rejected"
    decide = await trader.decide_request(held.approval_id, code="12345678")
    crossed_too = msgspec.structs.replace(decide, statement=good.statement)
    assert await signer.refusal(crossed_too) == "signature_rejected"
    by_decision = msgspec.structs.replace(decide, statement=decision)
    assert await signer.refusal(by_decision) == "factor_too_weak"
    assert await row_of(signer, held) is None


async def test_too_weak_for_what_the_policy_wants_and_never_for_a_grant(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    await signer.as_owner(
        ("UPDATE approval SET required_strength = 'medium' WHERE approval_id = $1",
         held.approval_id)
    )  # fmt: skip
    request = await trader.reveal_request(held.approval_id)
    assert await signer.refusal(request) == "factor_too_weak"
    requested, _ = await trader.request_grant()
    await signer.as_owner(
        ("UPDATE approval SET required_strength = 'out_of_band' WHERE approval_id = $1",
         requested.approval_id)
    )  # fmt: skip
    never = await trader.reveal_request(requested.approval_id)
    assert await signer.refusal(never) == "factor_too_weak"
    assert await row_of(signer, held) is None


async def test_a_policy_that_grew_meanwhile_is_asked_again_at_the_code_and_at_execution(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held, late = await hold(signer, bot), await hold(signer, bot)
    code, other = await reveal(signer, trader, held), await reveal(signer, trader, late)
    assert await signer.refusal(bot.typed_request(held.approval_id, code)) == ""
    await as_if_approved_yesterday(trader, needing("trade.order", "medium"), 2)
    refused = await signer.refusal(bot.typed_request(late.approval_id, other))
    assert refused == "factor_too_weak"
    assert await signer.refusal(bot.execute(held.approval_id)) == "factor_too_weak"
    assert signer.signatures() == 0


async def test_a_code_ends_with_its_approval(signer: Signer, trader: Trader, bot: Bot) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    row = await row_of(signer, held)
    assert row["expires_at"] - row["made_at"] <= timedelta(minutes=10)
    signer.clock.ahead = timedelta(seconds=121)
    refused = await signer.refusal(bot.typed_request(held.approval_id, code))
    assert refused == "approval_not_pending"


async def test_an_edited_row_belongs_to_no_code(signer: Signer, trader: Trader, bot: Bot) -> None:
    held, other = await hold(signer, bot), await hold(signer, bot)
    code = await reveal(signer, trader, held)
    await reveal(signer, trader, other)
    theirs, mine = await row_of(signer, other), await row_of(signer, held)
    edits: dict[str, Any] = {
        "statement": theirs["statement"], "tag": theirs["tag"],
        "made_at": mine["made_at"] - timedelta(seconds=1),
        "expires_at": mine["expires_at"] + timedelta(seconds=1),
        "root_id": trader.bound.device_id,
    }  # fmt: skip
    for column, value in edits.items():
        await signer.as_owner(
            (f"UPDATE push_otp SET {column} = $2, attempts = 0 WHERE approval_id = $1",
             held.approval_id, value)
        )  # fmt: skip
        refused = await signer.refusal(bot.typed_request(held.approval_id, code))
        assert refused == "push_code_rejected", column
        await signer.as_owner(
            (f"UPDATE push_otp SET {column} = $2 WHERE approval_id = $1",
             held.approval_id, mine[column])
        )  # fmt: skip
    assert await signer.refusal(bot.typed_request(held.approval_id, code)) == ""


async def test_a_device_that_was_contained_meanwhile_has_said_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    await trader.revoke(trader.bound.device_id)
    refused = await signer.refusal(bot.typed_request(held.approval_id, code))
    assert refused.startswith("containment_forbids")
    assert await state_of(signer, held) == "pending"


async def test_no_code_stands_in_the_log_the_outbox_or_its_row(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await hold(signer, bot)
    code = await reveal(signer, trader, held)
    for table in ("access_log", "outbox", "approval", "push_otp"):
        rows = await signer.admin.fetch(
            f"SELECT to_jsonb(t)::text AS text FROM {table} t WHERE trader_id = $1",
            trader.trader_id,
        )
        assert all(code not in row["text"] for row in rows)
    told = [e["event"] for e in await signer.log(trader.trader_id)]
    assert told.count("approval.code_revealed") == 1
