"""The ladder up: only what was shown, only with an approval, and a pull always wins."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.origin import Origin
from app.tokens.errors import NothingToLift
from app.tokens.models import Level
from app.verbs.wire import SealedChange
from tests.db.rows import until_blocked
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.test_ladder import impose, order
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = "lift_refused"


async def ask(trader: Trader, node: UUID, to: Level = Level.ACTIVE) -> UUID:
    approval, _ = await trader.signer.lifts.request(
        trader.trader_id, node, to=to, origin=trader.origin
    )
    return approval.approval_id


async def lift(trader: Trader, node: UUID, to: Level = Level.ACTIVE) -> SealedChange:
    approval = await ask(trader, node, to)
    await trader.approve(approval)
    lifted: SealedChange = await trader.signer.ask(trader.seal_request(approval))
    return lifted


async def fences(trader: Trader) -> list[tuple[str, int]]:
    rows = await trader.signer.admin.fetch(
        "SELECT imposed_by, level FROM fence WHERE trader_id = $1 ORDER BY 1", trader.trader_id
    )
    return [(row["imposed_by"], row["level"]) for row in rows]


async def test_an_approved_lift_makes_orders_pass_again_and_is_logged_with_its_step(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    assert await order(signer, bot) == "containment_forbids:frozen"
    assert (await lift(trader, bot.grant_id, Level.READ_ONLY)).state == "read_only"
    assert await order(signer, bot) == "containment_forbids:read_only"
    assert (await lift(trader, bot.grant_id)).state == "active"
    assert await order(signer, bot) == ""
    log = await signer.log(trader.trader_id)
    steps = [(row["rule"], row["token_id"]) for row in log if row["event"] == "token.lifted"]
    assert steps == [("frozen>read_only", bot.grant_id), ("read_only>active", bot.grant_id)]


async def test_nobodys_yes_and_a_no_lift_nothing(signer: Signer, trader: Trader, bot: Bot) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    unanswered, denied = await ask(trader, bot.grant_id), await ask(trader, bot.grant_id)
    await signer.ask(await trader.decide_request(denied, "deny"))
    for approval in (unanswered, denied, new_id()):
        refused = await signer.refusal(trader.seal_request(approval))
        assert refused in {"approval_not_approved", "approval_not_found"}
    assert await fences(trader) == [("trader", 4)]


async def test_a_lift_happens_once(signer: Signer, trader: Trader, bot: Bot) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    approval = await ask(trader, bot.grant_id)
    await trader.approve(approval)
    seal = trader.seal_request(approval)
    outcomes = await asyncio.gather(*(signer.ask(seal) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, SealedChange) for outcome in outcomes) == 1
    await impose(trader, bot.grant_id, Level.FROZEN)
    assert await signer.refusal(seal) == "approval_not_approved"
    assert await fences(trader) == [("trader", 4)]


@pytest.mark.parametrize(
    "again", [Level.CANCEL_ONLY, Level.READ_ONLY, Level.FROZEN, Level.REVOKED],
    ids=lambda level: level.name.lower(),
)  # fmt: skip
async def test_a_pull_after_the_question_was_shown_wins(
    signer: Signer, trader: Trader, bot: Bot, again: Level
) -> None:
    """Also one to the level that stands: who pulls again does not want it gone."""
    await impose(trader, bot.grant_id, Level.READ_ONLY)
    approval = await ask(trader, bot.grant_id)
    await trader.approve(approval)
    await impose(trader, bot.grant_id, again)
    refused = await signer.refusal(trader.seal_request(approval))
    assert refused == ("containment_forbids:revoked" if again is Level.REVOKED else REFUSED)
    assert await fences(trader) == [("trader", max(again, Level.READ_ONLY))]


async def test_what_operator_and_monitor_imposed_stays(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    for imposer, level in (("operator", 3), ("monitor", 2)):
        await signer.as_owner(
            ("INSERT INTO fence VALUES ($1,$2,$3,$4,'test',now(),1)",
             trader.trader_id, bot.grant_id, imposer, level)
        )  # fmt: skip
    assert (await lift(trader, bot.grant_id)).state == "read_only"
    assert await fences(trader) == [("monitor", 2), ("operator", 3)]
    with pytest.raises(NothingToLift):
        await ask(trader, bot.grant_id)
    assert await order(signer, bot) == "containment_forbids:read_only"


async def test_what_is_revoked_is_never_asked_about_nor_lifted(trader: Trader, bot: Bot) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    await trader.revoke(trader.credential_id)
    for node in (bot.grant_id, trader.credential_id):
        with pytest.raises(DomainError, match="containment_forbids"):
            await ask(trader, node)


async def rewritten(signer: Signer, approval: UUID, old: bytes, new: bytes) -> None:
    """The row as somebody with the database would have it; its digest fits."""
    edited = "replace(encode(action, 'escape'), $2, $3)::bytea"
    update = f"UPDATE approval SET action = {edited}, digest = sha256({edited})"
    await signer.as_owner(
        (f"{update} WHERE approval_id = $1", approval, old.decode(), new.decode())
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"to_state":"read_only"', b'"to_state":"active"'), (b'"label":"model"', b'"label":"other"')],
)
async def test_an_approval_that_was_edited_lifts_nothing(
    signer: Signer, trader: Trader, bot: Bot, old: bytes, new: bytes
) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    approval = await ask(trader, bot.grant_id, Level.READ_ONLY)
    await trader.approve(approval)
    await rewritten(signer, approval, old, new)
    assert await signer.refusal(trader.seal_request(approval)) == "action_mismatch"
    assert await fences(trader) == [("trader", 4)]


async def test_a_frozen_device_lets_itself_go_and_decides_nothing_else(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    own, other = trader.bound.device_id, bot.grant_id
    await impose(trader, other, Level.FROZEN)
    of_the_bot = await ask(trader, other)
    await impose(trader, own, Level.FROZEN)
    of_itself = await ask(trader, own)
    for approval in (held.approval_id, of_the_bot):
        await trader.let_time_pass()
        request = await trader.decide_request(approval)
        assert await signer.refusal(request) == "containment_forbids:frozen"
    await trader.approve(of_itself)
    assert (await signer.ask(trader.seal_request(of_itself))).state == "active"
    assert await fences(trader) == [("trader", 4)]  # the bot's
    await trader.approve(of_the_bot)
    assert (await signer.ask(trader.seal_request(of_the_bot))).state == "active"


async def test_a_frozen_root_is_let_go_by_the_device_that_asks_and_by_no_other_request(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await impose(trader, trader.root_id, Level.FROZEN)
    stranger, _ = await signer.lifts.request(
        trader.trader_id, trader.root_id, to=Level.ACTIVE, origin=Origin(actor="device:other")
    )
    await trader.let_time_pass()
    request = await trader.decide_request(stranger.approval_id)
    assert await signer.refusal(request) == "containment_forbids:frozen"
    assert (await lift(trader, trader.root_id)).state == "active"
    assert await order(signer, bot) == ""


async def behind(trader: Trader, node: UUID, level: Level, *attempts: Any) -> list[Any]:
    """What attempts come to that waited for a pull's lock until it was committed."""
    cord = trader.signer.revocations._db
    async with cord.transaction() as tx:
        await tighten_in(tx, trader, node, level)
        waiting = [asyncio.ensure_future(trader.signer.ask(attempt)) for attempt in attempts]
        await until_blocked(tx, 1)
    return await asyncio.gather(*waiting, return_exceptions=True)


async def tighten_in(tx: Any, trader: Trader, node: UUID, level: Level) -> None:
    revoking = level is Level.REVOKED
    await tx.fetchrow(
        "SELECT * FROM tighten($1,$2,$3,'test','device:x',NULL,NULL,NULL,NULL,$4,$5,$6)",
        *(trader.trader_id, node, level, new_id() if revoking else None),
        *(bytes(32) if revoking else None, "cancel_entries"),
    )


@pytest.mark.parametrize("level", [Level.FROZEN, Level.REVOKED], ids=["frozen", "revoked"])
async def test_a_lift_and_an_order_that_wait_behind_a_pull_come_to_nothing(
    signer: Signer, trader: Trader, bot: Bot, level: Level
) -> None:
    """t0 a pull holds the lock; t1 an approved lift and an order wait; t2 the pull commits."""
    await impose(trader, bot.grant_id, Level.FROZEN)
    approval = await ask(trader, bot.grant_id)
    await trader.approve(approval)
    await signer.refresh_market()
    outcomes = await behind(trader, bot.grant_id, level, trader.seal_request(approval), bot.order())
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "RungForbids" if level is Level.REVOKED else "FenceNotAsShown", "RungForbids",
    ]  # fmt: skip
    assert signer.signatures() == 0
    assert await fences(trader) == [("trader", level)]


async def test_an_order_that_waits_behind_a_lift_is_signed_and_behind_the_next_pull_is_not(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)
    approval = await ask(trader, bot.grant_id)
    await trader.approve(approval)
    await signer.refresh_market()
    lifted = await signer.ask(trader.seal_request(approval))
    assert lifted.state == "active"
    (outcome,) = await behind(trader, bot.grant_id, Level.CANCEL_ONLY, bot.order())
    assert outcome.rule == "cancel_only"
    assert signer.signatures() == 0
    with pytest.raises(DomainError):
        await signer.ask(trader.seal_request(approval))


async def test_a_position_that_a_compromised_api_invents_beats_no_later_pull(
    trader: Trader, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    await impose(trader, bot.grant_id, Level.FROZEN)

    async def far(*_: object) -> int:
        return 10**17

    with monkeypatch.context() as patched:
        patched.setattr("app.requesting.lifts.fences.log_head", far)
        approval = await ask(trader, bot.grant_id)
    await trader.approve(approval)
    await impose(trader, bot.grant_id, Level.FROZEN)
    assert await trader.signer.refusal(trader.seal_request(approval)) == REFUSED
    assert await fences(trader) == [("trader", Level.FROZEN)]
