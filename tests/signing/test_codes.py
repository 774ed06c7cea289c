"""One-time codes in the signer: one code decides one thing, and every guess is paid for (P3)."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from app.approvals import store as approvals
from app.core.errors import DomainError
from app.otp import store as otp
from app.verbs.wire import Decided
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def state_of(signer: Signer, trader: Trader) -> asyncpg.Record:
    return await signer.admin.fetchrow(
        "SELECT * FROM totp_state WHERE trader_id = $1", trader.trader_id
    )


async def test_of_two_approvals_that_race_with_one_code_one_is_decided(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    helds = [await bot.hold() for _ in range(2)]
    await trader.let_time_pass()
    code = trader.code()
    requests = [await trader.decide_request(held.approval_id, code=code) for held in helds]
    outcomes = await asyncio.gather(
        *(signer.ask(request) for request in requests), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Decided", "TotpReplayed"]
    states = [
        await signer.admin.fetchval(
            "SELECT state FROM approval WHERE approval_id = $1", held.approval_id
        )
        for held in helds
    ]
    assert sorted(states) == ["approved", "pending"]


async def test_a_code_is_worth_nothing_after_it_was_used(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    first, second = await bot.hold(), await bot.hold()
    await trader.let_time_pass()
    code = trader.code()
    await signer.ask(await trader.decide_request(first.approval_id, code=code))
    request = await trader.decide_request(second.approval_id, code=code)
    assert await signer.refusal(request) == "totp_rejected"
    # An earlier step than the last used one neither, although it is inside the window.
    earlier = await trader.decide_request(second.approval_id, code=trader.code(step=-1))
    assert await signer.refusal(earlier) == "totp_rejected"


async def warnings(signer: Signer, trader: Trader) -> tuple[int, int]:
    """Replays in the log, and security doorbells."""
    log = await signer.log(trader.trader_id)
    replays = [(e["outcome"], e["subject_id"]) for e in log if e["event"] == "factor.code_replayed"]
    assert set(replays) <= {("refused", trader.factor_id)}
    rung: int = await signer.admin.fetchval(
        "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'",
        trader.trader_id,
    )
    return len(replays), rung


async def test_a_replay_is_told_to_the_devices_once_in_a_while_and_logged_each_time(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await signer.admin.execute(
        "INSERT INTO push_registration VALUES ($1, $2, 'fcm', 'fid', 'r')",
        *(trader.trader_id, trader.bound.device_id),
    )
    first, second = await bot.hold(), await bot.hold()
    await trader.let_time_pass()
    code = trader.code()
    await signer.ask(await trader.decide_request(first.approval_id, code=code))
    assert await warnings(signer, trader) == (0, 0)
    replay = await trader.decide_request(second.approval_id, code=code)
    for count in (1, 2):
        assert await signer.refusal(replay) == "totp_rejected"
        assert await warnings(signer, trader) == (count, 1)
    # Merely wrong is no replay.
    wrong = await trader.decide_request(second.approval_id, code=trader.code(step=9))
    assert await signer.refusal(wrong) == "totp_rejected"
    assert await warnings(signer, trader) == (2, 1)
    await signer.as_owner(
        ("UPDATE totp_state SET warned_at = $2 WHERE trader_id = $1",
         trader.trader_id, signer.clock.now() - timedelta(seconds=otp.WARN_AGAIN_SECONDS))
    )  # fmt: skip
    assert await signer.refusal(replay) == "totp_rejected"
    assert await warnings(signer, trader) == (3, 2)


async def test_64_tries_at_one_approval_decide_it_once_and_charge_what_was_tried(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id)
    outcomes = await asyncio.gather(
        *(signer.ask(request) for _ in range(64)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Decided) for outcome in outcomes) == 1
    assert all(isinstance(outcome, Decided | DomainError) for outcome in outcomes)
    decisions = await signer.admin.fetchval(
        "SELECT count(*) FROM decision WHERE trader_id = $1 AND approval_id = $2",
        *(trader.trader_id, held.approval_id),
    )
    assert decisions == 1


async def test_a_wrong_code_is_charged_although_everything_else_rolls_back(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    for attempts in range(1, 4):
        wrong = await trader.decide_request(held.approval_id, code=trader.code(step=9))
        assert await signer.refusal(wrong) == "totp_rejected"
        assert await trader.failures() == attempts
    refused = (await signer.log(trader.trader_id))[-3:]
    assert {(e["event"], e["outcome"], e["rule"]) for e in refused} == {
        ("approval.decided", "refused", "totp_rejected")
    }
    # A right one clears them.
    await trader.approve(held.approval_id)
    assert await trader.failures() == 0


async def test_a_right_code_is_charged_too_when_the_decision_fails(
    signer: Signer, trader: Trader, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision's transaction is undone, the attempt's is not: no guess is refunded."""

    async def lose(*_: object) -> None:
        raise DomainErrorInTest

    held = await bot.hold()
    await trader.let_time_pass()
    before = await state_of(signer, trader)
    with monkeypatch.context() as patch:
        patch.setattr(approvals, "insert_decision", lose)
        refused = await signer.refusal(await trader.decide_request(held.approval_id))
    assert refused == "lost_in_test"
    after = await state_of(signer, trader)
    assert after["consecutive_failures"] == before["consecutive_failures"] + 1
    assert after["last_used_step"] == before["last_used_step"]
    assert await signer.admin.fetchval(
        "SELECT state FROM approval WHERE approval_id = $1", held.approval_id
    ) == "pending"  # fmt: skip


class DomainErrorInTest(DomainError):
    code = "lost_in_test"
    sentence = "Lost."


async def test_after_five_wrong_codes_even_the_right_one_waits_and_longer_each_time(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    for _ in range(otp.MAX_CONSECUTIVE_FAILURES):
        wrong = await trader.decide_request(held.approval_id, code=trader.code(step=9))
        assert await signer.refusal(wrong) == "totp_rejected"
    right = await trader.decide_request(held.approval_id)
    assert await signer.refusal(right) == "totp_locked"
    assert await trader.failures() == 5  # a locked factor is not tried, so not charged
    locked = (await state_of(signer, trader))["locked_until"]
    # After the delay one more try, and the next delay is twice as long.
    signer.clock.ahead = timedelta(seconds=otp.LOCK_SECONDS + 1)
    wrong = await trader.decide_request(held.approval_id, code=trader.code(step=9))
    assert await signer.refusal(wrong) == "totp_rejected"
    longer = (await state_of(signer, trader))["locked_until"] - signer.clock.now()
    assert timedelta(seconds=2 * otp.LOCK_SECONDS - 2) < longer
    assert longer <= timedelta(seconds=2 * otp.LOCK_SECONDS)
    assert locked is not None
    assert await signer.refusal(await trader.decide_request(held.approval_id)) == "totp_locked"


@pytest.mark.parametrize("spell", [" {}", "{} ", "{}\n", "+{}", "\uff10{}", "{}0", ""])
async def test_a_code_in_another_spelling_is_wrong_and_charged(
    signer: Signer, trader: Trader, bot: Bot, spell: str
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id, code=spell.format(trader.code()) or "x")
    assert await signer.refusal(request) == "totp_rejected"
    assert await trader.failures() == 1


async def test_approving_takes_a_code_and_denying_takes_none(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    without = await trader.decide_request(held.approval_id, code=None)
    assert await signer.refusal(without) == "malformed"
    with_code = await trader.decide_request(held.approval_id, "deny", code=trader.code())
    assert await signer.refusal(with_code) == "malformed"
    assert await trader.failures() == 0
    denied = await signer.ask(await trader.decide_request(held.approval_id, "deny"))
    assert denied.state == "denied"


async def test_an_approval_that_ran_out_charges_nobody(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    signer.clock.ahead = timedelta(seconds=121)
    request = await trader.decide_request(held.approval_id)
    assert await signer.refusal(request) == "approval_not_pending"
    assert await trader.failures() == 0
