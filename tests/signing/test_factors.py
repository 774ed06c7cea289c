"""Further authenticators: added and removed by approval, each code naming its own (P3, P7)."""

import secrets
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.core.ids import new_id
from app.core.origin import Origin
from app.enrolment.adding import MOST_FACTORS
from app.otp import store as otp
from app.otp.errors import FactorNotFound, LastFactor
from app.requesting.factors import FactorRequests
from app.requesting.passkeys import PasskeyRemovals
from app.verbs.wire import BindFactor, BoundFactor, Decide
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.passkeys import Passkeys
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Second:
    """Another authenticator app in the same hand."""

    def __init__(self, trader: Trader, label: str = "second") -> None:
        self.trader, self.label = trader, label
        self.seed = secrets.token_bytes(20)

    def code(self, *, step: int = 0) -> str:
        first, self.trader.seed = self.trader.seed, self.seed
        try:
            return self.trader.code(step=step)
        finally:
            self.trader.seed = first

    async def request(self, **changes: Any) -> BindFactor:
        first, self.trader.seed = self.trader.seed, self.seed
        try:
            return await self.trader.factor_request(label=self.label, **changes)
        finally:
            self.trader.seed = first

    async def add(self) -> UUID:
        """The whole ceremony."""
        signer, request = self.trader.signer, await self.request()
        asked: BoundFactor = await signer.ask(request)
        assert asked.state == "awaiting_approval"
        assert asked.approval_id is not None
        await self.trader.approve_named(asked.approval_id)
        again = msgspec.structs.replace(request, approval_id=asked.approval_id, code=self.code())
        bound: BoundFactor = await signer.ask(again)
        assert (bound.state, bound.factor_id) == ("bound", asked.factor_id)
        self.factor_id = bound.factor_id
        return bound.factor_id


async def removal(signer: Signer, trader: Trader, factor_id: UUID) -> UUID:
    requests = FactorRequests(signer.api, signer.clock)
    return await requests.remove_totp(trader.trader_id, trader.root_id, factor_id, trader.origin)


async def seeds(signer: Signer, trader: Trader) -> set[UUID]:
    rows = await signer.admin.fetch(
        "SELECT factor_id FROM wrapped_seed WHERE trader_id = $1", trader.trader_id
    )
    return {row["factor_id"] for row in rows}


def named(request: Decide, factor_id: UUID | None, code: str) -> Decide:
    return msgspec.structs.replace(request, factor_id=factor_id, code=code)


async def test_a_second_authenticator_takes_an_approval_and_then_a_code_says_which_it_is_of(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    second = Second(trader)
    factor_id = await second.add()
    log = [e for e in await signer.log(trader.trader_id) if e["event"] == "factor.bound"]
    assert [e["subject_id"] for e in log] == [trader.factor_id, factor_id]
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id)
    assert await signer.refusal(named(request, None, second.code())) == "factor_unnamed"
    # A code of the one is no code of the other, and is charged to the one it names.
    crossed = named(request, trader.factor_id, second.code())
    assert await signer.refusal(crossed) == "totp_rejected"
    failures = dict(await signer.admin.fetch(
        "SELECT factor_id, consecutive_failures FROM totp_state WHERE trader_id = $1",
        trader.trader_id,
    ))  # fmt: skip
    assert failures == {trader.factor_id: 1, factor_id: 0}
    decided = await signer.ask(named(request, factor_id, second.code()))
    assert decided.state == "approved"
    found = await signer.admin.fetchval(
        "SELECT factor_id FROM decision WHERE approval_id = $1", held.approval_id
    )
    assert found == factor_id


async def test_nobody_elses_and_no_unknown_authenticator_can_be_named(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    other = Trader(signer)
    await other.enrol()
    await other.bind_factor()
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id)
    for factor_id, code in ((other.factor_id, other.code()), (new_id(), trader.code())):
        assert await signer.refusal(named(request, factor_id, code)) == "totp_locked"
    assert await other.failures() == 0


async def test_without_a_yes_to_exactly_this_seed_nothing_is_opened_or_bound(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    second = Second(trader)
    request = await second.request()
    asked = await signer.ask(request)
    pending = msgspec.structs.replace(request, approval_id=asked.approval_id)
    assert await signer.refusal(pending) == "approval_not_approved"
    assert await signer.refusal(
        msgspec.structs.replace(request, approval_id=new_id())
    ) == "approval_not_found"  # fmt: skip
    await trader.approve(asked.approval_id)
    # Another seed under the approval of this one.
    thief = await Second(trader).request()
    swapped = msgspec.structs.replace(thief, approval_id=asked.approval_id)
    assert await signer.refusal(swapped) in {"factor_refused", "totp_rejected"}
    assert len(await seeds(signer, trader)) == 1
    # The honest one still can: its approval was not used up.
    again = msgspec.structs.replace(pending, code=second.code())
    assert (await signer.ask(again)).state == "bound"
    assert await signer.refusal(again) in {"approval_not_approved", "sealing_key_gone"}
    assert len(await seeds(signer, trader)) == 2


async def test_a_wrong_confirming_code_binds_nothing(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    second = Second(trader)
    request = await second.request()
    asked = await signer.ask(request)
    await trader.approve(asked.approval_id)
    wrong = msgspec.structs.replace(
        request, approval_id=asked.approval_id, code=second.code(step=9)
    )
    assert await signer.refusal(wrong) == "totp_rejected"
    assert len(await seeds(signer, trader)) == 1


async def test_a_removed_authenticator_has_no_seed_and_its_row_says_so_for_good(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await trader.listen()
    second = Second(trader)
    factor_id = await second.add()
    approval = await removal(signer, trader, factor_id)
    await trader.approve_named(approval)
    sealed = await signer.ask(trader.seal_request(approval))
    assert (sealed.subject_id, sealed.state) == (factor_id, "removed")
    told = "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'"
    assert await signer.admin.fetchval(told, trader.trader_id) == 2  # it came, and it went
    entry = next(e for e in await signer.log(trader.trader_id) if e["event"] == "factor.removed")
    assert entry["path"] == [trader.root_id, entry["token_id"]]
    assert await seeds(signer, trader) == {trader.factor_id}
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id)
    assert await signer.refusal(named(request, factor_id, second.code())) == "totp_locked"
    assert (await signer.ask(request)).state == "approved"  # one is left, and need not be named
    assert await signer.refusal(trader.seal_request(approval)) == "approval_not_approved"
    # Nobody brings it back with a pen, nor makes the living one look removed.
    for statement in (
        "UPDATE totp_factor SET removed_at = NULL WHERE factor_id = $1",
        "UPDATE totp_factor SET removed_at = now() WHERE factor_id = $1",
    ):
        with pytest.raises(Exception, match="stays removed"):
            await signer.admin.execute(statement, factor_id)
    assert "factor.removed" in {e["event"] for e in await signer.log(trader.trader_id)}


async def test_a_tombstone_with_its_time_wiped_out_is_believed_by_nobody(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    second = Second(trader)
    factor_id = await second.add()
    seed = await signer.admin.fetchrow("SELECT * FROM wrapped_seed WHERE factor_id = $1", factor_id)
    approval = await removal(signer, trader, factor_id)
    await trader.approve_named(approval)
    await signer.ask(trader.seal_request(approval))
    await signer.as_owner(
        ("UPDATE totp_factor SET removed_at = NULL WHERE factor_id = $1", factor_id),
        ("INSERT INTO wrapped_seed VALUES ($1, $2, $3, $4, $5)", *seed.values()),
    )
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id)
    refused = await signer.refusal(named(request, factor_id, second.code()))
    assert refused == "evidence_forged"


async def test_the_last_authenticator_stays_and_another_traders_is_not_there(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    with pytest.raises(LastFactor):
        await removal(signer, trader, trader.factor_id)
    other = Trader(signer)
    await other.enrol()
    await other.bind_factor()
    with pytest.raises(FactorNotFound):
        await removal(signer, trader, other.factor_id)


async def test_beside_a_passkey_the_last_app_may_go_and_then_the_passkey_stays(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    away = await removal(signer, trader, trader.factor_id)
    await passkeys.approve(away)
    assert await signer.refusal(trader.seal_request(away)) == ""
    assert await seeds(signer, trader) == set()
    with pytest.raises(FactorNotFound):
        await removal(signer, trader, trader.factor_id)
    last = await PasskeyRemovals(signer.api, signer.clock).request(
        trader.trader_id, passkeys.factor_id, origin=trader.origin,
        path=[trader.root_id, trader.bound.device_id],
    )  # fmt: skip
    await passkeys.approve(last)
    assert await signer.refusal(trader.seal_request(last)) == "last_factor"


async def test_two_removals_that_were_approved_together_leave_one(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    second = await Second(trader).add()
    approvals = [await removal(signer, trader, one) for one in (trader.factor_id, second)]
    for approval in approvals:
        await trader.approve_named(approval)
    assert await signer.refusal(trader.seal_request(approvals[0])) == ""
    assert await signer.refusal(trader.seal_request(approvals[1])) == "last_factor"
    assert await seeds(signer, trader) == {second}


async def test_a_removal_is_of_the_factor_as_it_was_shown(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    second = await Second(trader).add()
    approval = await removal(signer, trader, second)
    await trader.approve_named(approval)
    await signer.as_owner(("UPDATE totp_factor SET label = 'x' WHERE factor_id = $1", second))
    assert await signer.refusal(trader.seal_request(approval)) == "factor_refused"


async def test_there_is_room_for_five(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    for number in range(MOST_FACTORS - 1):
        await Second(trader, f"app {number}").add()
    more = await Second(trader).request()
    assert await signer.refusal(more) == "factor_refused:too_many"


async def test_who_signs_in_need_not_know_names(signer: Signer, trader: Trader) -> None:
    """Nobody is told, before a sign-in, which authenticators there are: it is the oldest one."""
    await trader.enrol()
    await trader.bind_factor()
    second = Second(trader)
    factor_id = await second.add()
    begun = await signer.sign_ins.begin(trader.trader_id, "jkt", Origin(actor="browser:jkt"))
    await trader.let_time_pass()
    typed = Decide(
        trader_id=trader.trader_id, approval_id=begun.approval_id, statement=None,
        code=second.code(), origin=Origin(actor="browser:jkt"),
    )  # fmt: skip
    assert await signer.refusal(typed) == "totp_rejected"
    assert await signer.refusal(named(typed, factor_id, second.code())) == ""


async def test_beside_a_passkey_an_app_is_added_by_nothing_weaker(
    signer: Signer, trader: Trader
) -> None:
    """A code that was phished once must not become an authenticator for good (P7)."""
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    second = Second(trader)
    request = await second.request()
    asked: BoundFactor = await signer.ask(request)
    assert asked.approval_id is not None
    await trader.let_time_pass()
    by_code = await trader.decide_request(asked.approval_id)
    assert await signer.refusal(by_code) == "factor_too_weak"
    await passkeys.approve(asked.approval_id)
    again = msgspec.structs.replace(request, approval_id=asked.approval_id, code=second.code())
    assert (await signer.ask(again)).state == "bound"


async def test_whoever_asked_for_less_an_app_is_bound_by_nothing_weaker(
    signer: Signer, trader: Trader
) -> None:
    """The row of the approval is only a word: the signer reckons again at execution."""
    await trader.enrol()
    await trader.bind_factor()
    second, passkeys = Second(trader), Passkeys(trader)
    request = await second.request()
    asked: BoundFactor = await signer.ask(request)
    assert asked.approval_id is not None
    await trader.approve(asked.approval_id)
    await trader.let_time_pass()
    await passkeys.add()
    again = msgspec.structs.replace(request, approval_id=asked.approval_id, code=second.code())
    assert await signer.refusal(again) == "factor_too_weak"


async def test_a_code_of_an_app_that_is_gone_meanwhile_is_not_spent(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    gone = await Second(trader).add()
    approval = await removal(signer, trader, gone)
    await trader.approve_named(approval)
    await signer.ask(trader.seal_request(approval))
    async with signer.db.transaction() as tx:
        assert not await otp.spend_step(tx, trader.trader_id, gone, 2**40)
        assert await otp.spend_step(tx, trader.trader_id, trader.factor_id, 2**40)
