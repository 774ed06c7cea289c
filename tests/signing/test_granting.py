"""Sealing a grant: as it was shown, once, and no wider than its parent."""

import asyncio
from datetime import timedelta

import pytest

from app.verbs.wire import SealedChange
from tests.core.keys import canonical
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_grant_is_what_was_approved(signer: Signer, trader: Trader, bot: Bot) -> None:
    row = await signer.admin.fetchrow("SELECT * FROM bot_grant WHERE grant_id = $1", bot.grant_id)
    action = await signer.admin.fetchval(
        "SELECT action FROM approval WHERE approval_id = $1", row["approval_id"]
    )
    assert row["limits"] == action
    assert row["model_jwk"] == canonical(bot.model.jwk)
    assert row["path"] == [trader.root_id, trader.credential_id, bot.grant_id]
    assert row["root_id"] == trader.root_id
    state = await signer.admin.fetchval(
        "SELECT state FROM approval WHERE approval_id = $1", row["approval_id"]
    )
    assert state == "consumed"


async def test_a_grant_is_sealed_once_however_often_it_is_asked_for(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    requested, other = await trader.request_grant()
    await trader.approve(requested.approval_id)
    seal = trader.seal_request(requested.approval_id)
    outcomes = await asyncio.gather(*(signer.ask(seal) for _ in range(64)), return_exceptions=True)
    assert sum(isinstance(outcome, SealedChange) for outcome in outcomes) == 1
    assert {type(o).__name__ for o in outcomes} <= {
        "SealedChange", "ApprovalNotApproved", "TraderBusy",
    }  # fmt: skip
    assert (await other.place()).state == "released"
    assert bot.sequence == 0


async def test_a_grant_that_nobody_approved_or_somebody_denied_is_dead(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    for decision in (None, "deny", "fraud"):
        requested, dead = await trader.request_grant()
        if decision:
            await signer.ask(await trader.decide_request(requested.approval_id, decision))
        refused = await signer.refusal(trader.seal_request(requested.approval_id))
        assert refused == "approval_not_approved"
        assert await signer.refusal(dead.order()) == "grant_unknown"
    assert signer.signatures() == 0
    assert bot.sequence == 0


async def test_an_approval_that_ran_out_seals_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    requested, _ = await trader.request_grant()
    await trader.approve(requested.approval_id)
    signer.clock.ahead = timedelta(minutes=10, seconds=1)
    refused = await signer.refusal(trader.seal_request(requested.approval_id))
    assert refused == "approval_not_approved"
    assert bot.sequence == 0


async def test_a_grant_ends_with_its_token(signer: Signer, trader: Trader, bot: Bot) -> None:
    """The node may end sooner than what was shown (its parent did); then so does the grant."""
    requested, early = await trader.request_grant()
    await signer.as_owner(
        ("UPDATE token SET expires_at = now() + interval '1 second' WHERE token_id = $1",
         requested.bearer.token_id)
    )  # fmt: skip
    await trader.approve_and_seal(requested.approval_id)
    assert (await early.place()).state == "released"
    await asyncio.sleep(1.1)
    await signer.refresh_market()
    assert await signer.refusal(early.order()) == "guardrail_refused:expired"
    assert signer.signatures() == 1
    assert bot.sequence == 0


async def test_a_grant_cannot_be_asked_for_on_a_key_that_is_not_active(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    await trader.import_key()
    with pytest.raises(Exception, match="credential_not_active"):
        await trader.request_grant()
    assert signer.signatures() == 0
