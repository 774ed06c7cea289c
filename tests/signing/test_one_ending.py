"""D62: yes, no, time, taking back and losing the phone at once end in one state, and only one."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.approvals.models import Approval, ApprovalState
from app.core.errors import DomainError
from app.deciding.expiring import Expiring
from app.tokens.models import Level
from tests.signing.asking import asking_for
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

FINAL = {"denied", "fraud", "expired", "cancelled", "superseded", "consumed"}


async def row_of(signer: Signer, approval_id: Any) -> Any:
    return await signer.admin.fetchrow(
        "SELECT a.*, d.decision FROM approval a LEFT JOIN decision d USING (trader_id, approval_id)"
        " WHERE a.approval_id = $1",
        approval_id,
    )


async def test_approve_deny_and_take_back_at_once_on_two_signers(
    trader: Trader, signer: Signer
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    asking, twin = await asking_for(trader), await signer.twin()
    try:
        for _ in range(12):
            await trader.forget_prompts()
            await trader.let_time_pass()
            approval_id = await asking.ask()
            yes = await trader.decide_request(approval_id)
            no = await trader.decide_request(approval_id, "deny")
            answers = await asyncio.gather(
                signer.ask(yes), twin.ask(no),
                asking.requests.cancel(trader.trader_id, approval_id, asking.origin),
                return_exceptions=True,
            )  # fmt: skip
            assert all(isinstance(a, DomainError) for a in answers if isinstance(a, Exception))
            row = await row_of(signer, approval_id)
            # A no that comes after the yes takes it back; nothing comes after a no.
            assert (row["state"], row["decision"]) in {
                ("approved", "approve"), ("denied", "deny"), ("cancelled", None),
                ("cancelled", "approve"),
            }  # fmt: skip
            assert row["state"] != "approved" or isinstance(answers[1], DomainError)
            with suppress(DomainError):  # an approved one is taken back, which ends it as well
                await signer.ask(await trader.decide_request(approval_id, "deny"))
            ended = (await row_of(signer, approval_id))["state"]
            assert ended in FINAL
            for late in ("approve", "deny", "fraud"):
                await trader.let_time_pass()
                asked = await trader.decide_request(approval_id, late)
                assert await signer.refusal(asked) == "approval_not_pending"
            assert (await row_of(signer, approval_id))["state"] == ended
    finally:
        await twin.close()


async def test_a_yes_at_the_moment_of_expiry_is_one_or_the_other(
    trader: Trader, signer: Signer
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    asking = await asking_for(trader)
    for ahead in (119.9, 119.99, 120, 120.01):
        await trader.forget_prompts()
        await trader.let_time_pass()
        approval_id = await asking.ask()
        yes = await trader.decide_request(approval_id)
        signer.clock.ahead = timedelta(seconds=ahead)
        await asyncio.gather(
            signer.ask(yes), Expiring(signer.db, signer.clock).sweep(), return_exceptions=True
        )
        signer.clock.ahead = timedelta(0)
        row = await row_of(signer, approval_id)
        assert (row["state"], row["decision"]) in {
            ("approved", "approve"), ("expired", None), ("pending", None),
        }  # fmt: skip
        if ahead >= 120:
            assert row["decision"] is None


async def test_a_phone_revoked_while_it_decides_decides_before_or_not_at_all(
    bot: Bot, trader: Trader, signer: Signer
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    yes = await trader.decide_request(held.approval_id)
    answers: Any = await asyncio.gather(
        signer.revocations.revoke(
            trader.trader_id, trader.bound.device_id, reason="lost", origin=trader.origin
        ),
        signer.ask(yes),
        return_exceptions=True,
    )
    receipt, decided = answers
    assert not isinstance(receipt, BaseException)
    log = await signer.log(trader.trader_id)
    position = {
        entry["event"]: entry["position"]
        for entry in log
        if entry["event"] in {"token.revoked", "approval.decided"}
        and entry["outcome"] == "ok"
        and entry["subject_id"] in {held.approval_id, receipt.revocation_id}
    }
    row = await row_of(signer, held.approval_id)
    if isinstance(decided, BaseException):
        assert (row["state"], row["decision"]) == ("pending", None)
    else:
        assert position["approval.decided"] < position["token.revoked"]
    # Whatever it was: the revoked phone's yes carries nothing out any more.
    await signer.refresh_market()
    assert await signer.refusal(bot.execute(held.approval_id)) != ""
    assert signer.signatures() == 0


async def swept(expiring: Expiring) -> set[UUID]:
    """Sweeps until nothing is left: what other tests left behind comes first."""
    ended: set[UUID] = set()
    while found := await expiring.sweep():
        ended |= set(found)
    return ended


async def test_what_ran_out_is_written_down_and_shown_before_it_is(
    trader: Trader, signer: Signer
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    asking = await asking_for(trader)
    approval_id = await asking.ask()
    found: Approval = await asking.requests.find(
        trader.trader_id, approval_id, requester=asking.origin.actor
    )
    assert found.state_at(found.expires_at) is ApprovalState.EXPIRED
    assert found.state_at(found.expires_at - timedelta(seconds=1)) is ApprovalState.PENDING
    expiring = Expiring(signer.db, signer.clock)
    assert approval_id not in await swept(expiring)
    signer.clock.ahead = timedelta(seconds=121)
    assert approval_id in await swept(expiring)
    assert approval_id not in await swept(expiring)
    assert (await row_of(signer, approval_id))["state"] == "expired"
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["event"], entry["subject_id"]) == ("approval.expired", approval_id)


async def test_a_late_yes_is_refused_and_costs_no_attempt(trader: Trader, signer: Signer) -> None:
    await trader.enrol()
    await trader.bind_factor()
    asking = await asking_for(trader)
    approval_id = await asking.ask()
    yes = await trader.decide_request(approval_id)
    signer.clock.ahead = timedelta(seconds=121)
    assert await signer.refusal(yes) == "approval_not_pending"
    assert await trader.failures() == 0


async def test_nobody_is_asked_under_a_frozen_root(trader: Trader, signer: Signer) -> None:
    await trader.enrol()
    await trader.bind_factor()
    asking = await asking_for(trader)
    await signer.revocations.tighten(
        trader.trader_id, trader.root_id, level=Level.FROZEN, reason="t", origin=trader.origin
    )
    with pytest.raises(DomainError) as refused:
        await asking.ask()
    assert refused.value.code == "containment_forbids"
