"""What a completed re-enrolment makes, and that nothing of before is worth anything after it."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from app.core import token
from app.core.errors import DomainError
from app.core.origin import Origin
from app.db.pool import Database
from app.tokens import store as tokens
from app.tokens.models import Level
from app.verbs.wire import BoundDevice, BoundFactor, EndedReEnrolment
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.policing import Policing, needing, plus, rule
from tests.signing.recovering import Recovering, another_device
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def paper(trader: Trader, bot: Bot) -> Recovering:
    """A trader in business, with codes on paper. The bot has traded."""
    recovering = Recovering(trader)
    await recovering.make_codes()
    assert (await bot.place()).state == "released"
    return recovering


async def come_back(paper: Recovering, **changes: Any) -> EndedReEnrolment:
    await paper.begin(**changes)
    await paper.let_wait()
    return await paper.complete()


async def level_of_root(signer: Signer, trader: Trader) -> int:
    found: int = await signer.admin.fetchval(
        "SELECT effective_level($1, ARRAY[$2::uuid])", trader.trader_id, trader.root_id
    )
    return found


async def test_a_living_root_is_revoked_first_and_the_new_phone_gets_the_receipt(
    signer: Signer, paper: Recovering
) -> None:
    trader, old_root = paper.trader, paper.trader.root_id
    ended = await come_back(paper)
    assert await level_of_root(signer, trader) == Level.REVOKED
    assert ended.device is not None
    assert ended.receipt is not None
    receipt = token.parse(ended.receipt, token.TokenKind.RECEIPT)
    revocation = await signer.admin.fetchrow(
        "SELECT * FROM revocation WHERE revocation_id = $1", receipt.token_id
    )
    assert revocation["receipt_hash"] == receipt.secret_hash()
    assert (revocation["token_id"], revocation["reason"]) == (old_root, "re-enrolment")
    assert ended.device.device_token not in repr(ended)
    events = [(e["event"], e["token_id"]) for e in await signer.log(trader.trader_id)]
    revoked = events.index(("token.revoked", old_root))
    assert revoked < events.index(("re_enrolment.ended", ended.device.device_id))
    root = await signer.admin.fetchval(
        "SELECT root_id FROM trader WHERE trader_id = $1", trader.trader_id
    )
    assert root == ended.device.root_token_id != old_root
    fence = await signer.admin.fetchval(
        "SELECT imposed_by FROM fence WHERE trader_id = $1 AND token_id = $2",
        *(trader.trader_id, old_root),
    )
    assert fence == "trader"


async def test_after_break_glass_there_is_nothing_to_revoke_and_the_way_is_the_same(
    signer: Signer, paper: Recovering
) -> None:
    await paper.trader.revoke(paper.trader.root_id)
    ended = await come_back(paper)
    assert ended.receipt is None
    assert ended.device is not None
    assert ended.device.trader_id == paper.trader.trader_id
    count = await signer.admin.fetchval(
        "SELECT count(*) FROM revocation WHERE trader_id = $1", paper.trader.trader_id
    )
    assert count == 1


async def test_nothing_of_the_old_root_is_usable_each_tried_for_real(
    signer: Signer, paper: Recovering, bot: Bot
) -> None:
    trader = paper.trader
    # What was under way before: a held order, a grant asked for, a link half done, a device.
    held = await bot.hold()
    requested, _ = await trader.request_grant()
    await trader.let_time_pass()
    second, second_id = await another_device(trader)
    old_bound, old_device = trader.bound, trader.device
    old_request = trader.sealing_key_request("exchange")
    ended = await come_back(paper)
    signer.courier.releases.clear()
    # The old phone and the second one: no order of theirs, no approval, no key, no codes.
    assert await signer.refusal(bot.order()) == "containment_forbids:revoked"
    assert await signer.refusal(old_request) == "containment_forbids:revoked"
    assert await signer.refusal(paper.codes_request(paper.draw())) == "containment_forbids:revoked"
    await trader.let_time_pass()
    for approval_id in (held.approval_id, requested.approval_id):
        assert await signer.refusal(await trader.decide_request(approval_id)) in {
            "containment_forbids:revoked", "totp_locked",
        }  # fmt: skip
    assert await signer.refusal(trader.read("balances")) == "containment_forbids:revoked"
    # The new phone decides the old questions, and nothing comes of it: they are of another root.
    await paper.move_in(ended)
    for approval_id in (requested.approval_id, held.approval_id):
        await trader.let_time_pass()
        await signer.ask(await trader.decide_request(approval_id))
        refused = await signer.refusal(trader.seal_request(approval_id))
        assert refused in {
            "approval_not_approved", "approval_not_found", "containment_forbids:revoked",
        }  # fmt: skip
    assert held.approval_id is not None
    assert await signer.refusal(bot.execute(held.approval_id)) != ""
    assert await signer.refusal(bot.order()) == "containment_forbids:revoked"
    assert signer.signatures() == 0
    # No child is born under anything old; tokens of the old root are refused at the edge.
    with pytest.raises(DomainError):
        await trader.request_grant()
    for dead in (old_bound.device_id, second_id, bot.grant_id, trader.credential_id):
        level = await signer.admin.fetchval(
            "SELECT effective_level(trader_id, path) FROM token WHERE token_id = $1", dead
        )
        assert level == Level.REVOKED
    assert (second.jkt, old_device.jkt) != (paper.device.jkt, paper.device.jkt)


async def test_with_the_new_phone_everything_works_again_but_only_with_a_new_link(
    signer: Signer, paper: Recovering
) -> None:
    """The authenticator survived: its codes decide under the new root, and only there."""
    trader = paper.trader
    await paper.move_in(await come_back(paper))
    signer.courier.releases.clear()
    await trader.link()
    bot = await trader.grant()
    assert (await bot.place()).state == "released"
    root = await signer.admin.fetchval(
        "SELECT root_id FROM totp_factor WHERE factor_id = $1", trader.factor_id
    )
    assert root == trader.root_id
    # It is still a later factor that takes an approval, and not a first one.
    another: BoundFactor = await signer.ask(await trader.factor_request())
    assert another.state == "awaiting_approval"


async def test_an_authenticator_that_was_lost_too_does_not_come_along(
    signer: Signer, paper: Recovering
) -> None:
    trader = paper.trader
    old_factor = trader.factor_id
    await paper.move_in(await come_back(paper, authenticator_lost=True))
    await trader.import_key()
    await trader.attest()
    approval = await trader.pending_approval()
    await trader.let_time_pass()
    assert await signer.refusal(await trader.decide_request(approval)) == "totp_locked"
    # As on the first day the new phone binds its first authenticator; the link must come after.
    await signer.as_owner(
        ("UPDATE exchange_credential SET trader_id = $2 WHERE trader_id = $1 AND root_id = $3",
         trader.trader_id, old_factor, trader.root_id)
    )  # fmt: skip
    assert await trader.bind_factor() != old_factor
    await trader.link()


async def test_a_factor_that_only_says_it_is_another_roots_hides_nothing(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    request = await trader.factor_request()
    await signer.as_owner(
        ("UPDATE totp_factor SET root_id = gen_random_uuid() WHERE trader_id = $1",
         trader.trader_id)
    )  # fmt: skip
    assert await signer.refusal(request) == "evidence_forged"


async def test_an_edited_factor_stops_the_completion_whole(
    signer: Signer, paper: Recovering
) -> None:
    await paper.begin()
    await paper.let_wait()
    change = "UPDATE totp_factor SET label = label || 'x' WHERE trader_id = $1"
    await signer.as_owner((change, paper.trader.trader_id))
    assert await signer.refusal(paper.end_request("complete")) == "evidence_forged"
    assert await paper.state() == "waiting"
    assert await level_of_root(signer, paper.trader) == Level.ACTIVE


async def test_completing_64_times_makes_one_root_and_one_answer(
    signer: Signer, paper: Recovering
) -> None:
    await paper.begin()
    await paper.let_wait()
    request = paper.end_request("complete")
    outcomes = await asyncio.gather(
        *(signer.ask(request) for _ in range(64)), return_exceptions=True
    )
    ended = [outcome for outcome in outcomes if isinstance(outcome, EndedReEnrolment)]
    bound = {o.device.device_token for o in ended if isinstance(o.device, BoundDevice)}
    assert len(bound) == 1
    assert sum(outcome.receipt is not None for outcome in ended) == 1
    roots = await signer.admin.fetchval(
        "SELECT count(*) FROM token WHERE trader_id = $1 AND kind = 'trader'",
        paper.trader.trader_id,
    )
    assert roots == 2
    again = await paper.complete()
    assert again.device is not None
    assert again.device.device_token in bound


async def test_an_operators_containment_is_not_shed_by_a_new_root(
    signer: Signer, paper: Recovering, operator: Database
) -> None:
    await paper.begin()
    await paper.let_wait()
    async with operator.transaction() as tx:
        await tokens.tighten(
            tx, trader_id=paper.trader.trader_id, token_id=paper.trader.root_id,
            level=Level.REDUCE_ONLY, reason="test", origin=Origin(actor="operator"),
        )  # fmt: skip
    refused = await signer.refusal(paper.end_request("complete"))
    assert refused == "containment_forbids:operator"
    assert await paper.state() == "waiting"
    assert await level_of_root(signer, paper.trader) == Level.REDUCE_ONLY


async def test_the_codes_that_are_left_still_work_under_the_new_root(
    signer: Signer, paper: Recovering
) -> None:
    """Whoever came in with one code does not keep its owner out with the other nine."""
    await paper.move_in(await come_back(paper))
    again = Recovering(paper.trader)
    again.codes = paper.codes[1:]
    ended = await come_back(again)
    assert ended.device is not None
    assert ended.device.root_token_id != paper.trader.root_id
    assert await level_of_root(signer, paper.trader) == Level.REVOKED


async def test_the_policy_in_force_comes_along_and_what_waits_to_loosen_it_does_not(
    signer: Signer, paper: Recovering
) -> None:
    trader = paper.trader
    policing = Policing(trader)
    strict = plus(rule("bot.grant", "strong"))
    await policing.put(strict)
    waiting = await policing.loosen(needing("trade.order", "out_of_band", strict), 1)
    assert waiting.state == "waiting"
    in_force = (await policing.rows())[0]["policy"]
    await paper.move_in(await come_back(paper))
    carried = [row for row in await policing.rows() if row["root_id"] == trader.root_id]
    assert [(row["version"], row["change"], row["policy"]) for row in carried] == [
        (1, "tightened", in_force)
    ]
    await trader.link()
    requested, _ = await trader.request_grant()
    assert await policing.strength_of(requested.approval_id) == "strong"
    by_code = await trader.decide_request(requested.approval_id)
    assert await signer.refusal(by_code) == "factor_too_weak"
