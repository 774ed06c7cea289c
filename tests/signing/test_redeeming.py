"""What a platform does itself: asked through us, approved on the phone, told once, to it alone."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import pytest_asyncio

from app.approvals.errors import ApprovalNotApproved, ApprovalNotFound, ApprovalNotPending
from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.origin import Origin
from app.guardrails.errors import RungForbids
from app.requesting.claiming import Claim
from app.requesting.errors import DetailsRefused
from app.telling.errors import NotRedeemable
from app.tokens.models import Level
from app.vault.errors import EvidenceForged
from tests.signing.asking import PAYMENT, Asking, asking_for
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def asking(trader: Trader) -> Asking:
    await trader.enrol()
    await trader.bind_factor()
    return await asking_for(trader)


async def test_an_approved_action_is_told_once_to_its_platform_and_names_what_was_shown(
    asking: Asking, signer: Signer
) -> None:
    approval_id = await asking.ask()
    await asking.trader.approve(approval_id)
    statement = await asking.redeem(approval_id)
    key = jwt.PyJWK({**signer.identity.issuer.public_jwk, "alg": "RS256"}).key
    assert jwt.get_unverified_header(statement)["typ"] == "tripcord-redemption+jwt"
    claims = jwt.decode(
        statement, key, algorithms=["RS256"], audience=str(asking.platform.platform_id),
        options={"require": ["iss", "aud", "sub", "jti", "iat", "exp"]},
    )  # fmt: skip
    (told,) = claims["authorization_details"]
    assert {name: told[name] for name in PAYMENT} == PAYMENT
    assert (claims["sub"], claims["jti"]) == (str(asking.trader.trader_id), str(approval_id))
    assert (claims["amr"], claims["acr"]) == (["totp"], "urn:tripcord:acr:medium")
    assert await asking.state(approval_id) == "consumed"
    with pytest.raises(ApprovalNotApproved):
        await asking.redeem(approval_id)
    entry = (await signer.log(asking.trader.trader_id))[-2]
    assert (entry["event"], entry["subject_id"]) == ("approval.redeemed", approval_id)


async def test_of_many_redeemers_on_two_signers_one_wins(asking: Asking, signer: Signer) -> None:
    approval_id = await asking.ask()
    await asking.trader.approve(approval_id)
    twin = await signer.twin()
    try:
        answers = await asyncio.gather(
            *(
                side.ask(asking.redemption(approval_id))
                for side in (signer, twin)
                for _ in range(3)  # more would stand in line before the lock: another refusal
            ),
            return_exceptions=True,
        )
    finally:
        await twin.close()
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(won) == 1
    assert all(isinstance(a, DomainError) for a in answers if isinstance(a, BaseException))


async def test_what_nobody_approved_is_not_redeemed(asking: Asking) -> None:
    for decision in ("deny", "fraud"):
        await asking.trader.signer.admin.execute(
            "DELETE FROM muted_lineage WHERE trader_id = $1", asking.trader.trader_id
        )
        approval_id = await asking.ask(reference=f"r-{decision}", side="buy", market=decision)
        with pytest.raises(ApprovalNotApproved):
            await asking.redeem(approval_id)
        await asking.trader.signer.ask(await asking.trader.decide_request(approval_id, decision))
        with pytest.raises(ApprovalNotApproved):
            await asking.redeem(approval_id)


async def test_another_platform_redeems_nothing_and_learns_nothing(asking: Asking) -> None:
    approval_id = await asking.ask()
    await asking.trader.approve(approval_id)
    with pytest.raises(ApprovalNotFound):
        await asking.redeem(approval_id, new_id())
    with pytest.raises(ApprovalNotFound):
        await asking.redeem(new_id())
    assert await asking.state(approval_id) == "approved"


async def test_what_we_carry_out_ourselves_is_not_redeemed(asking: Asking) -> None:
    await asking.trader.link()
    requested, _ = await asking.trader.request_grant()
    await asking.trader.signer.as_owner(
        (
            "UPDATE approval SET requester = $2 WHERE approval_id = $1",
            requested.approval_id,
            asking.origin.actor,
        )
    )
    await asking.trader.approve(requested.approval_id)
    with pytest.raises(NotRedeemable):
        await asking.redeem(requested.approval_id)
    await asking.trader.signer.ask(asking.trader.seal_request(requested.approval_id))


async def test_a_contained_trader_is_not_asked_and_nothing_is_redeemed(asking: Asking) -> None:
    approval_id = await asking.ask()
    await asking.trader.approve(approval_id)
    async with asking.trader.signer.api.transaction() as tx:
        await tx.execute(
            "SELECT tighten($1,$2,$3,'test','device:x',NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
            asking.trader.trader_id,
            asking.trader.root_id,
            int(Level.READ_ONLY),
        )
    with pytest.raises(RungForbids):
        await asking.redeem(approval_id)
    with pytest.raises(RungForbids):
        await asking.ask(reference="r-2")


async def test_an_edited_row_is_not_signed(asking: Asking) -> None:
    approval_id = await asking.ask()
    await asking.trader.approve(approval_id)
    edited = "replace(convert_from(action, 'UTF8'), '120.50', '920.50')::bytea"
    edit = f"UPDATE approval SET action = {edited}, digest = sha256({edited})"
    await asking.trader.signer.as_owner((f"{edit} WHERE approval_id = $1", approval_id))
    with pytest.raises(DomainError) as refused:
        await asking.redeem(approval_id)
    assert refused.value.code == "action_mismatch"
    copy = "UPDATE decision d SET digest = a.digest FROM approval a"
    where = "WHERE a.approval_id = $1 AND d.approval_id = $1"
    await asking.trader.signer.as_owner((f"{copy} {where}", approval_id))
    with pytest.raises(EvidenceForged):
        await asking.redeem(approval_id)


async def test_an_approval_that_ran_out_is_not_redeemed(asking: Asking) -> None:
    approval_id = await asking.ask()
    await asking.trader.approve(approval_id)
    asking.trader.signer.clock.ahead = timedelta(minutes=3)
    try:
        with pytest.raises(ApprovalNotApproved):
            await asking.redeem(approval_id)
    finally:
        asking.trader.signer.clock.ahead = timedelta(0)


async def test_its_platform_takes_it_back_while_nobody_decided(asking: Asking) -> None:
    approval_id = await asking.ask()
    stranger = Origin(actor=f"platform:{new_id()}")
    with pytest.raises(ApprovalNotFound):
        await asking.requests.cancel(asking.trader.trader_id, approval_id, stranger)
    request = await asking.trader.decide_request(approval_id)
    await asking.requests.cancel(asking.trader.trader_id, approval_id, asking.origin)
    assert await asking.state(approval_id) == "cancelled"
    with pytest.raises(ApprovalNotPending):
        await asking.trader.signer.ask(request)
    with pytest.raises(ApprovalNotPending):
        await asking.requests.cancel(asking.trader.trader_id, approval_id, asking.origin)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"type": "trade.order"}, "type"),
        ({"type": "bot.grant"}, "type"),
        ({"type": ["trade.external"]}, "type"),
        ({"type": None}, "type"),
        ({"more": "x"}, "more"),
        ({"platform_name": "Somebody else"}, "platform_name"),
        ({"trader_id": "0198c0de-0000-7000-8000-000000000000"}, "trader_id"),
        ({"claimed": {"by": "Somebody else"}}, "claimed"),
        ({"kind": "gift"}, "kind"),
        ({"description": "pay \u202e001"}, "description"),
        ({"description": "x" * 129}, "description"),
        ({"recipient": "D\u0415 02"}, "recipient"),
        ({"market": "BTC\u0405"}, "market"),
        ({"amount": {"amount": "1e3", "quote": "EUR"}}, "amount"),
        ({"amount": {"amount": "-1", "quote": "EUR"}}, "amount"),
        ({"amount": {"amount": "1", "quote": "\u20ac"}}, "amount.quote"),
        ({"amount": {"amount": "1"}}, "amount"),
        ({"amount": {"amount": "1", "quote": "EUR", "fee": "1"}}, "fee"),
    ],
)
async def test_an_unknown_type_field_or_value_is_refused_and_named(
    asking: Asking, changes: dict[str, Any], rule: str
) -> None:
    with pytest.raises(DetailsRefused) as refused:
        await asking.ask(**changes)
    assert rule in (refused.value.rule or "")


async def test_what_a_platform_says_of_its_user_is_bounded_and_in_its_name(
    asking: Asking,
) -> None:
    claim = Claim(address="2001:DB8:0::1", user_agent="a\u202eb\n" + "x" * 500, message="Order 7?")
    approval_id = await asking.ask(claim)
    action = await asking.trader.signer.admin.fetchval(
        "SELECT action FROM approval WHERE approval_id = $1", approval_id
    )
    claimed = json.loads(action)["claimed"]
    assert claimed == {
        "by": "p", "address": "2001:db8::1", "place": None, "message": "Order 7?",
        "user_agent": "a\ufffdb\ufffd" + "x" * 124,
    }  # fmt: skip
