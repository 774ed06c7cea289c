"""A trader's policy: tighter at once, looser by approval and a day later; its row is evidence."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.core.origin import Origin
from app.verbs.wire import SealedChange
from tests.core.keys import P256
from tests.signing.bot import Bot
from tests.signing.forging import HASHED, MORE, NEXT, OTHER_ID, Row
from tests.signing.parts import Signer
from tests.signing.policing import NORMAL, Policing, body_of, needing, plus, rule
from tests.signing.signing_in import Browser
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = timedelta(hours=24)


@pytest.fixture
def policing(trader: Trader) -> Policing:
    return Policing(trader)


async def test_a_tighter_policy_is_in_force_at_once_logged_and_told(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    strict = plus(rule("trade.order", "strong"))
    sealed = await policing.put(strict)
    assert (sealed.state, sealed.version) == ("in_force", 1)
    (row,) = await policing.rows()
    assert (row["change"], row["approval_id"]) == ("tightened", None)
    assert row["effective_at"] == row["sealed_at"]
    assert [item.need.value for item in body_of(row).rules] == ["strong"]
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["event"], entry["rule"]) == ("policy.changed", "tightened:1")
    held = await bot.hold()
    assert await policing.strength_of(held.approval_id) == "strong"
    request = await trader.decide_request(held.approval_id)
    assert await signer.refusal(request) == "factor_too_weak"
    assert await trader.failures() == 0


async def test_a_statement_counts_once_and_only_for_the_version_it_follows(
    signer: Signer, policing: Policing, bot: Bot
) -> None:
    del bot
    request = policing.request(plus(rule("token.lift", "strong")))
    await signer.ask(request)
    assert await signer.refusal(request) == "policy_stale"
    assert await signer.refusal(policing.request(NORMAL, 0)) == "policy_stale"
    assert len(await policing.rows()) == 1


async def test_a_looser_policy_takes_an_approval_and_a_day(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    await policing.put(plus(rule("bot.grant", "strong")))
    looser = needing("trade.order", "out_of_band", plus(rule("bot.grant", "strong")))
    asked = await policing.put(looser, 1)
    assert (asked.state, asked.version, len(await policing.rows())) == ("awaiting_approval", 1, 1)
    assert await policing.strength_of(asked.subject_id) == "medium"
    shown = msgspec.json.decode(
        await signer.admin.fetchval(
            "SELECT action FROM approval WHERE approval_id = $1", asked.subject_id
        )
    )
    assert shown["loosens"] == [
        {"action": "trade.order", "when": [], "amount": None, "before": "medium",
         "after": "out_of_band"}
    ]  # fmt: skip
    # Not before the approval, whoever asks for it.
    assert await signer.refusal(trader.seal_request(asked.subject_id)) == "approval_not_approved"
    await trader.approve(asked.subject_id)
    sealed: SealedChange = await signer.ask(trader.seal_request(asked.subject_id))
    assert (sealed.state, sealed.version) == ("waiting", 2)
    row = (await policing.rows())[-1]
    assert (row["change"], row["approval_id"]) == ("loosened", asked.subject_id)
    assert row["effective_at"] - row["sealed_at"] == DAY
    # What waits does not count yet.
    assert await policing.strength_of((await bot.hold()).approval_id) == "medium"
    assert await signer.refusal(trader.seal_request(asked.subject_id)) != ""


async def test_it_takes_effect_when_its_time_has_come_without_a_job(
    trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    await policing.loosen(needing("session.sign_in", "out_of_band"), 0)
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "medium"
    policing.at(DAY - timedelta(minutes=1))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "medium"
    policing.at(DAY + timedelta(minutes=1))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "out_of_band"


async def test_any_device_cancels_what_waits_with_its_signature_alone(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    await policing.loosen(needing("session.sign_in", "out_of_band"), 0)
    assert await signer.refusal(policing.cancel(2)) == "nothing_waits"
    assert await signer.refusal(policing.cancel(1, device=P256())) == "signature_rejected"
    sealed: SealedChange = await signer.ask(policing.cancel(1))
    assert (sealed.state, sealed.version) == ("in_force", 2)
    assert await signer.refusal(policing.cancel(1)) == "nothing_waits"
    policing.at(DAY + timedelta(minutes=1))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "medium"
    assert (await signer.log(trader.trader_id))[-1]["event"] == "session.requested"


async def test_tightening_while_something_waits_takes_its_place(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    await policing.loosen(needing("session.sign_in", "out_of_band"), 0)
    twice = policing.request(needing("trade.order", "out_of_band"), 1)
    assert await signer.refusal(twice) == "policy_change_waits"
    assert (await policing.put(needing("session.sign_in", "strong"), 1)).state == "in_force"
    policing.at(DAY + timedelta(minutes=1))
    begun = await Browser(trader).begin()
    assert await policing.strength_of(begun.approval_id) == "strong"


async def test_loosening_is_judged_by_what_it_removes(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    await policing.put(plus(rule("net.ip_change", "strong"), rule("token.child", "deny")))
    for looser, strength in (
        (plus(rule("token.child", "deny")), "strong"),
        (plus(rule("net.ip_change", "strong")), "phishing_resistant"),
    ):
        asked = await policing.put(looser, 1)
        assert await policing.strength_of(asked.subject_id) == strength
        request = await trader.decide_request(asked.subject_id)
        assert await signer.refusal(request) == "factor_too_weak"
    # Even where somebody with the database lowers what the row asks for: nothing comes of it.
    asked = await policing.put(plus(rule("token.child", "deny")), 1)
    await signer.as_owner(
        ("UPDATE approval SET required_strength = 'medium' WHERE approval_id = $1",
         asked.subject_id)
    )  # fmt: skip
    await trader.approve(asked.subject_id)
    assert await signer.refusal(trader.seal_request(asked.subject_id)) == "factor_too_weak"
    assert len(await policing.rows()) == 1


async def test_an_approved_change_follows_only_the_policy_that_was_shown(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    asked = await policing.put(needing("trade.order", "out_of_band"))
    await trader.approve(asked.subject_id)
    await policing.put(plus(rule("trade.order", "strong")))
    assert await signer.refusal(trader.seal_request(asked.subject_id)) == "policy_stale"
    assert len(await policing.rows()) == 1


async def test_a_policy_tightened_between_approving_and_executing_stops_the_order(
    signer: Signer, bot: Bot, policing: Policing
) -> None:
    held = await bot.hold_and_approve()
    await policing.put(plus(rule("trade.order", "strong")))
    await signer.refresh_market()
    assert await signer.refusal(bot.execute(held.approval_id)) == "factor_too_weak"
    assert signer.signatures() == 0


async def test_every_column_of_a_policy_is_evidence(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    await policing.put(plus(rule("bot.grant", "strong")))
    held = await bot.hold_and_approve()
    row = Row(signer, "trader_policy", "trader_id", trader.trader_id)
    edits = {
        "change": "'cancelled'", "policy": "convert_to($2, 'UTF8')", "device_id": OTHER_ID,
        "statement": MORE, "mac": HASHED, "version": NEXT,
    }  # fmt: skip
    # These hang together by a constraint of the table: none of them changes alone.
    bound = {"approval_id", "sealed_at", "effective_at"}
    assert set(await row.columns()) == {*edits, *bound, "trader_id", "root_id"}
    looser = msgspec.json.encode(needing("trade.order", "out_of_band")).decode()

    async def execute() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.execute(held.approval_id))

    async def decide() -> str:
        other = await bot.hold()
        await trader.let_time_pass()
        return await signer.refusal(await trader.decide_request(other.approval_id))

    async def place() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.order())

    for attempt in (execute, decide, place):
        found = await row.refusals(edits, attempt, value=looser)
        assert set(found.values()) == {"evidence_forged"}, attempt.__name__


BAD: dict[str, dict[str, Any]] = {
    "shape": NORMAL | {"more": 1},
    "base": NORMAL | {"base": [*NORMAL["base"], {"action": "no.such", "need": "medium"}]},
    "rules.action": plus(rule("no.such", "deny")),
    "rules.above": plus(rule("token.lift", "deny", above="1")),
    "rules.when": plus(rule("token.lift", "deny", "night", "night")),
    "night": NORMAL | {"night": {"begins": "10:00", "ends": "10:00"}},
    "time_zone": NORMAL | {"time_zone": "Europe/Atlantis"},
    "policy.change": needing("policy.change", "deny"),
}


@pytest.mark.parametrize("field", BAD)
async def test_what_is_no_policy_is_refused_by_the_fields_name(
    signer: Signer, bot: Bot, policing: Policing, field: str
) -> None:
    del bot
    assert await signer.refusal(policing.request(BAD[field])) == f"policy_malformed:{field}"
    assert await policing.rows() == []


async def test_only_a_device_of_this_trader_changes_the_policy(
    signer: Signer, trader: Trader, bot: Bot, policing: Policing
) -> None:
    del bot
    strict = plus(rule("trade.order", "strong"))
    for request, refused in (
        (policing.request(strict, device=P256()), "signature_rejected"),
        (policing.request(strict, iat=1), "statement_rejected"),
        (policing.request(strict, device_id=str(trader.trader_id)), "statement_rejected"),
        (msgspec.structs.replace(policing.request(strict), origin=Origin(actor="x")),
         "device_rejected"),
    ):  # fmt: skip
        assert await signer.refusal(request) == refused
    assert await policing.rows() == []
