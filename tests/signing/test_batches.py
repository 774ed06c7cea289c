"""A burst is asked once, as an array; each of its actions runs at most once, and only as shown."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.approvals import governing
from app.verbs.wire import OrderOutcome, SignOrder
from scripts.clients.encoding import canonical_json
from scripts.clients.render import CannotRender, render
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.policing import Policing, plus, rule
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast this machine signs is not what is tested; the window has a test of its own."""
    monkeypatch.setattr(governing, "BURST_WINDOW", timedelta(seconds=60))


async def burst(bot: Bot, many: int, quantity: str = "0.02") -> list[OrderOutcome]:
    await bot.trader.forget_prompts()
    return [await bot.place(quantity) for _ in range(many)]


async def open_approvals(trader: Trader) -> list[Any]:
    return list(
        await trader.signer.admin.fetch(
            "SELECT * FROM approval WHERE trader_id = $1 AND state = 'pending'"
            " ORDER BY approval_id",
            trader.trader_id,
        )
    )


async def batch_of(bot: Bot, many: int = 5) -> tuple[UUID, list[OrderOutcome]]:
    outcomes = await burst(bot, many)
    (one,) = await open_approvals(bot.trader)
    assert one["action_type"] == "trade.batch"
    return one["approval_id"], outcomes


def execute(trader: Trader, approval_id: UUID, leaf: int | None) -> SignOrder:
    return SignOrder(
        trader_id=trader.trader_id, grant_id=None, order=None, approval_id=approval_id,
        origin=trader.origin, leaf=leaf,
    )  # fmt: skip


async def test_four_are_four_and_the_fifth_makes_one_of_all(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    outcomes = await burst(bot, 4)
    prompts = [row["prompt"] for row in await open_approvals(trader)]
    assert prompts == ["rang", "gathered", "gathered", "gathered"]
    outcomes.append(await bot.place("0.02"))
    (batch,) = await open_approvals(trader)
    action = json.loads(batch["action"])
    assert (action["of"], action["count"], batch["prompt"]) == ("trade.order", 5, "rang")
    assert action["total"] == [{"amount": "5000", "quote": "USDT"}]
    assert [leaf["order_id"] for leaf in action["actions"]] == [
        str(outcome.order_id) for outcome in outcomes
    ]
    for outcome in outcomes:
        assert (await bot.row(outcome.order_id))["approval_id"] == batch["approval_id"]
    states = await signer.admin.fetch(
        "SELECT state, count(*) AS n FROM approval WHERE trader_id = $1 AND lineage <> ''"
        " GROUP BY state",
        trader.trader_id,
    )
    assert {row["state"]: row["n"] for row in states} == {"pending": 1, "superseded": 4}


async def test_a_sixth_within_the_burst_is_asked_with_the_others(bot: Bot, trader: Trader) -> None:
    first, _ = await batch_of(bot)
    await bot.place("0.02")
    (batch,) = await open_approvals(trader)
    assert batch["approval_id"] != first
    assert json.loads(batch["action"])["count"] == 6


async def test_beyond_two_seconds_nothing_is_gathered(
    bot: Bot, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governing, "BURST_WINDOW", timedelta(0))
    await burst(bot, 1)
    await signer.refresh_market()
    assert await signer.refusal(bot.order("0.02")) == "prompt_open"


async def test_fifty_are_asked_and_the_next_is_refused(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    await burst(bot, 50)
    (batch,) = await open_approvals(trader)
    assert json.loads(batch["action"])["count"] == 50
    await signer.refresh_market()
    assert await signer.refusal(bot.order("0.02")) == "prompt_open"
    render("batch/1", batch["action"])


async def test_it_is_decided_once_and_each_action_is_carried_out_once(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    approval_id, outcomes = await batch_of(bot)
    assert await signer.refusal(execute(trader, approval_id, 0)) == "approval_not_approved"
    await trader.approve(approval_id)
    for leaf in range(5):
        await signer.refresh_market()
        released: OrderOutcome = await signer.ask(execute(trader, approval_id, leaf))
        assert (released.state, released.order_id) == ("released", outcomes[leaf].order_id)
        again: OrderOutcome = await signer.ask(execute(trader, approval_id, leaf))
        assert again.order_id == released.order_id
    assert signer.signatures() == 5
    row = await signer.admin.fetchrow("SELECT * FROM approval WHERE approval_id = $1", approval_id)
    assert row["state"] == "consumed"


@pytest.mark.parametrize("leaf", [-1, 5, 49, None])
async def test_an_action_that_is_not_in_it_is_not_carried_out(
    bot: Bot, trader: Trader, signer: Signer, leaf: int | None
) -> None:
    approval_id, _ = await batch_of(bot)
    await trader.approve(approval_id)
    assert await signer.refusal(execute(trader, approval_id, leaf)) in {
        "action_mismatch", "approval_not_found",
    }  # fmt: skip
    assert signer.signatures() == 0


async def test_two_signers_carry_out_each_action_once(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    approval_id, _ = await batch_of(bot)
    await trader.approve(approval_id)
    twin = await signer.twin()
    try:
        for leaf in range(5):
            await signer.refresh_market()
            await asyncio.gather(
                *(side.ask(execute(trader, approval_id, leaf)) for side in (signer, twin)),
                return_exceptions=True,
            )
    finally:
        released = signer.signatures() + twin.signatures()
        await twin.close()
    assert released == 5
    used = "SELECT count(*) FROM batch_leaf WHERE approval_id = $1"
    assert await signer.admin.fetchval(used, approval_id) == 5


async def test_an_action_whose_row_is_used_up_does_not_run_again_whatever_its_order_says(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    approval_id, outcomes = await batch_of(bot)
    await trader.approve(approval_id)
    await signer.refresh_market()
    await signer.ask(execute(trader, approval_id, 0))
    await signer.as_owner(
        ("UPDATE bot_order SET state = 'held' WHERE order_id = $1", outcomes[0].order_id)
    )
    await signer.refresh_market()
    assert await signer.refusal(execute(trader, approval_id, 0)) == "approval_not_approved"
    assert signer.signatures() == 1


def reordered(action: dict[str, Any]) -> dict[str, Any]:
    return action | {"actions": list(reversed(action["actions"]))}


def counted_otherwise(action: dict[str, Any]) -> dict[str, Any]:
    return action | {"count": 6}


def with_more_in_it(action: dict[str, Any]) -> dict[str, Any]:
    first, *rest = action["actions"]
    order = first["order"] | {"quantity": "0.03"}
    return action | {"actions": [first | {"order": order}, *rest]}


@pytest.mark.parametrize("change", [reordered, counted_otherwise, with_more_in_it])
async def test_a_changed_or_reordered_batch_is_not_what_was_approved(
    bot: Bot, trader: Trader, signer: Signer, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    approval_id, _ = await batch_of(bot)
    await trader.approve(approval_id)
    action = await signer.admin.fetchval(
        "SELECT action FROM approval WHERE approval_id = $1", approval_id
    )
    changed = canonical_json(change(json.loads(action)))
    await signer.as_owner(
        ("UPDATE approval SET action = $2, digest = sha256($2) WHERE approval_id = $1",
         approval_id, changed)
    )  # fmt: skip
    assert await signer.refusal(execute(trader, approval_id, 0)) == "action_mismatch"
    assert signer.signatures() == 0


async def test_a_no_ends_every_order_of_it_and_cools_its_kind_down(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    approval_id, outcomes = await batch_of(bot)
    await signer.ask(await trader.decide_request(approval_id, "deny"))
    for outcome in outcomes:
        row = await bot.row(outcome.order_id)
        assert (row["state"], row["rule"]) == ("refused", "denied")
    await signer.refresh_market()
    assert await signer.refusal(bot.order("0.02")) == "prompt_cooling_down"


async def test_an_action_decided_before_the_batch_forms_is_not_in_it(
    bot: Bot, trader: Trader
) -> None:
    first, *_ = await burst(bot, 4)
    assert first.approval_id is not None
    await trader.approve(first.approval_id)
    await bot.place("0.02")
    assert {row["action_type"] for row in await open_approvals(trader)} == {"trade.order"}
    assert (await bot.row(first.order_id))["approval_id"] == first.approval_id


async def test_a_decision_about_an_action_that_went_into_a_batch_finds_nothing_pending(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    """The phone had rendered and signed the single order just as the fifth arrived."""
    first, *_ = await burst(bot, 4)
    assert first.approval_id is not None
    await trader.let_time_pass()
    signed = await trader.decide_request(first.approval_id)
    await bot.place("0.02")
    assert await signer.refusal(signed) == "approval_not_pending"
    assert await signer.refusal(execute(trader, first.approval_id, None)) in {
        "approval_not_approved", "approval_not_found",
    }  # fmt: skip
    assert signer.signatures() == 0


async def test_forming_and_deciding_at_once_end_in_one_of_the_two(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    for _ in range(4):
        first, *others = await burst(bot, 4)
        assert first.approval_id is not None
        await trader.let_time_pass()
        signed = await trader.decide_request(first.approval_id)
        await signer.refresh_market()
        await asyncio.gather(
            signer.ask(signed), signer.ask(bot.order("0.02")), return_exceptions=True
        )
        state = await signer.admin.fetchval(
            "SELECT state FROM approval WHERE approval_id = $1", first.approval_id
        )
        pointed = (await bot.row(first.order_id))["approval_id"]
        assert (state, pointed == first.approval_id) in {("approved", True), ("superseded", False)}
        assert len(others) == 3


async def test_the_phone_shows_every_action_of_it_and_sums_them_itself(
    bot: Bot, trader: Trader
) -> None:
    await batch_of(bot)
    (row,) = await open_approvals(trader)
    lines = render("batch/1", row["action"]).lines
    assert [text for label, text in lines if label.endswith(": Quantity")] == ["0.02"] * 5
    assert ("5 of 5: Market", "BTCUSDT") in lines
    action = json.loads(row["action"])
    leaves = action["actions"]
    mutations: tuple[dict[str, Any], ...] = (
        {"actions": leaves[:4]},
        {"actions": leaves[:1], "count": 1},
        {"actions": [*leaves[:4], leaves[0] | {"more": "x"}]},
        {"actions": [*leaves[:4], leaves[0] | {"type": "bot.grant"}]},
        {"actions": [*leaves[:4], leaves[0] | {"trader_id": leaves[0]["order_id"]}]},
        {"total": [{"amount": "1", "quote": "USDT"}]},
        {"total": []},
        {"of": "trade.batch"},
        {"actions": leaves * 11, "count": 55},
    )
    for changes in mutations:
        with pytest.raises(CannotRender):
            render("batch/1", canonical_json(msgspec.to_builtins(action | changes)))


async def test_a_burst_that_goes_on_rings_for_its_first_batch_and_no_more(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    await burst(bot, 8)
    rows = await signer.admin.fetch(
        "SELECT action_type, prompt FROM approval WHERE trader_id = $1 AND action_type ="
        " 'trade.batch' ORDER BY approval_id",
        trader.trader_id,
    )
    assert [row["prompt"] for row in rows] == ["rang", "silent", "silent", "silent"]


async def test_a_batch_needs_what_each_of_its_actions_needs_by_now(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    approval_id, _ = await batch_of(bot)
    await Policing(trader).put(plus(rule("trade.order", "strong")))
    late = await trader.decide_request(approval_id)
    assert await signer.refusal(late) == "factor_too_weak"


async def test_a_leaf_needs_what_the_policy_asks_when_it_is_carried_out(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    approval_id, _ = await batch_of(bot)
    await trader.approve(approval_id)
    await Policing(trader).put(plus(rule("trade.order", "strong", above="600")))
    await signer.refresh_market()
    assert await signer.refusal(execute(trader, approval_id, 0)) == "factor_too_weak"
    assert signer.signatures() == 0
