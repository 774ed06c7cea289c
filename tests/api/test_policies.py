"""Policies over HTTP: real clients, the real api process, the real signer."""

from typing import Any

import asyncpg
import pytest

from scripts.clients import policing
from scripts.clients.approvals import Decision
from scripts.clients.phone import Phone
from tests.api.test_with_the_real_signer import (
    api,
    code_of,
    courier,
    do,
    hsm,
    invitation,
    origin,
    phone,
    run,
    shop,
)

__all__ = ["api", "courier", "hsm", "invitation", "origin", "phone", "run", "shop"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRICT: dict[str, Any] = {"action": "session.sign_in", "need": "strong", "when": [], "above": None}


async def stand(phone: Phone) -> dict[str, Any]:
    return await do(policing.read_policy, phone)


async def test_tighter_at_once_looser_by_approval_and_a_day_and_cancelled_by_a_tap(
    phone: Phone, rows: asyncpg.Connection
) -> None:
    await do(phone.enrol_totp, label="app")
    start = await stand(phone)
    assert (start["version"], start["preset"], start["waiting"]) == (0, "normal", None)
    assert set(start["presets"]) == {"careful", "normal", "bots_only"}
    strict = start["policy"] | {"rules": [STRICT]}
    put = await do(policing.change_policy, phone, strict)
    assert (put.state, put.version, put.approval_id) == ("in_force", 1, None)
    assert (await stand(phone))["preset"] is None
    # Something weaker elsewhere: asked, shown as what it weakens, approved, and it waits.
    base = [item for item in strict["base"] if item["action"] != "trade.order"]
    weaker = strict | {"base": [*base, {"action": "trade.order", "need": "out_of_band"}]}
    asked = await do(policing.change_policy, phone, weaker)
    assert (asked.state, asked.version) == ("awaiting_approval", 1)
    prompt = await do(phone.await_approval, template="policy_change/1")
    assert prompt.approval.approval_id == asked.approval_id
    assert prompt.screen.lines[0] == ("Weaker", "trade.order: medium → out_of_band")
    decided = await do(phone.decide, prompt, Decision.APPROVE)
    assert decided["outcome"]["state"] == "waiting"
    found = await stand(phone)
    assert (found["version"], found["waiting"]["version"]) == (2, 2)
    assert found["policy"] == strict | {"rules": [STRICT]}
    again = await code_of(policing.change_policy, phone, weaker)
    assert again == (409, "policy_change_waits")
    cancelled = await do(policing.cancel_change, phone)
    assert (cancelled.state, cancelled.version) == ("in_force", 3)
    assert (await stand(phone))["waiting"] is None
    assert await code_of(policing.cancel_change, phone) == (409, "nothing_waits")
    told = await rows.fetch(
        "SELECT rule FROM access_log WHERE trader_id = $1 AND event = 'policy.changed'"
        " AND outcome = 'ok' ORDER BY position",
        phone.account.trader_id,
    )
    assert [row["rule"] for row in told] == ["tightened:1", "loosened:2", "cancelled:3"]


async def test_what_is_no_policy_is_refused(phone: Phone) -> None:
    start = await stand(phone)
    bad = start["policy"] | {"time_zone": "Europe/Atlantis"}
    assert await code_of(policing.change_policy, phone, bad) == (422, "policy_malformed")
    assert (await stand(phone))["version"] == 0


async def test_a_simulation_says_what_would_have_been_asked_and_what_a_change_takes(
    phone: Phone,
) -> None:
    await do(phone.enrol_totp, label="app")
    start = await stand(phone)
    assert (await do(policing.simulate, phone, None))["history"] == []
    base = [item for item in start["policy"]["base"] if item["action"] != "trade.order"]
    weaker = start["policy"] | {"base": [*base, {"action": "trade.order", "need": "out_of_band"}]}
    asked = await do(policing.change_policy, phone, weaker)
    prompt = await do(phone.await_approval, template="policy_change/1")
    await do(phone.decide, prompt, Decision.DENY)
    careful = start["presets"]["careful"]
    told = await do(
        policing.simulate, phone, careful, action="trade.order", when=["night"],
        amount={"amount": "5", "quote": "USDT"},
    )  # fmt: skip
    assert (told["change"], told["needs"], told["waits_hours"]) == ("tightens", None, 0)
    assert told["answer"] == "strong"
    (item,) = told["history"]
    assert item["subject_id"] == str(asked.approval_id)
    assert (item["action"], item["asked"], item["would"]) == ("policy.change", "medium", "strong")
    looser = await do(policing.simulate, phone, weaker)
    assert (looser["change"], looser["needs"], looser["waits_hours"]) == ("loosens", "medium", 24)
    assert [(x["action"], x["before"], x["after"]) for x in looser["loosens"]] == [
        ("trade.order", "medium", "out_of_band")
    ]
    assert (await stand(phone))["version"] == 0
