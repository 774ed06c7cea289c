"""Coming back with a passkey, where a recovery code would be: it begins the waiting, no more."""

import asyncio

import msgspec
import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.verbs.answers import BegunReEnrolment
from tests.core.keys import P256
from tests.signing.bot import now
from tests.signing.parts import Signer
from tests.signing.passkeys import Passkeys
from tests.signing.recovering import Recovering
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = "re_enrolment_refused"


async def test_a_passkey_begins_a_re_enrolment_and_survives_it(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader, synced=True)
    await passkeys.add()
    recovering = Recovering(trader)
    begun = await passkeys.come_back(recovering.device)
    recovering.re_enrolment_id = begun.re_enrolment_id
    row = await recovering.row()
    assert (row["code_id"], row["passkey_id"]) == (None, passkeys.factor_id)
    early = await signer.refusal(recovering.end_request("complete"))
    assert early == "waiting_time_not_over"
    await recovering.let_wait()
    ended = await recovering.complete()
    old_root = trader.root_id
    await recovering.move_in(ended)
    assert trader.root_id != old_root
    carried = await passkeys.row()
    assert (carried["root_id"], carried["state"]) == (trader.root_id, "active")
    # It approves under the new root: here the second of its kind.
    more = await passkeys.register()
    assert more.approval_id is not None
    passkeys.made_by.passkeys.pop()
    assert (await passkeys.approve(more.approval_id)).state == "approved"


async def test_an_old_device_may_veto_what_a_passkey_began(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    passkeys, recovering = Passkeys(trader, synced=True), Recovering(trader)
    await passkeys.register()
    begun = await passkeys.come_back(recovering.device)
    recovering.re_enrolment_id = begun.re_enrolment_id
    assert (await signer.ask(recovering.end_request("veto"))).state == "vetoed"
    assert await recovering.state() == "vetoed"


async def test_with_the_authenticator_lost_only_the_passkey_in_hand_survives(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    in_hand, lost = Passkeys(trader, synced=True), Passkeys(trader, synced=True)
    await in_hand.add()
    second = await lost.register()
    assert second.approval_id is not None
    await in_hand.approve(second.approval_id)
    await signer.ask(trader.seal_request(second.approval_id))
    recovering = Recovering(trader)
    begun = await in_hand.come_back(recovering.device, lost=True)
    recovering.re_enrolment_id = begun.re_enrolment_id
    await recovering.let_wait()
    await recovering.move_in(await recovering.complete())
    assert (await in_hand.row())["root_id"] == trader.root_id
    assert (await lost.row())["root_id"] != trader.root_id
    app_root = await signer.admin.fetchval(
        "SELECT root_id FROM totp_factor WHERE trader_id = $1", trader.trader_id
    )
    assert app_root != trader.root_id


async def test_the_assertion_is_over_the_new_keys_own_word(signer: Signer, trader: Trader) -> None:
    """A relay cannot put a key of its own in the place of the one that asked."""
    await trader.enrol()
    passkeys = Passkeys(trader, synced=True)
    await passkeys.register()
    device, thief = P256(), P256()
    opened = await passkeys.open_return(device)
    honest = passkeys.return_request(opened, device)
    theirs = passkeys.return_request(opened, thief)
    swapped = msgspec.structs.replace(theirs, assertion=honest.assertion)
    # The challenge is the asking key's, and the assertion is over another statement.
    assert await signer.refusal(swapped) == REFUSED
    for wrong in (
        msgspec.structs.replace(honest, public_jwk=thief.jwk),
        msgspec.structs.replace(honest, name="other"),
        msgspec.structs.replace(honest, challenge_id=new_id()),
        msgspec.structs.replace(honest, code_statement="x"),
        msgspec.structs.replace(honest, assertion=None),
        passkeys.return_request(opened, device, iat=now() - 301),
    ):
        assert await signer.refusal(wrong) in {
            "signature_rejected", "statement_rejected", "malformed",
        }  # fmt: skip
    later = passkeys.return_request(opened, device, iat=now() - 5)
    crossed = msgspec.structs.replace(honest, statement=later.statement)
    assert await signer.refusal(crossed) == REFUSED
    # That used the challenge up: not even the honest request is taken now.
    assert await signer.refusal(honest) == REFUSED


async def test_of_many_with_one_challenge_one_begins(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader, synced=True)
    await passkeys.register()
    device = P256()
    asked = passkeys.return_request(await passkeys.open_return(device), device)
    answers = await asyncio.gather(*(signer.ask(asked) for _ in range(16)), return_exceptions=True)
    assert sum(isinstance(answer, BegunReEnrolment) for answer in answers) == 1


async def test_who_has_no_passkey_of_this_trader_learns_nothing(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    stranger = Trader(signer)
    await stranger.enrol()
    theirs = Passkeys(stranger, synced=True)
    await theirs.register()
    device = P256()
    # The stranger's passkey, for this trader; for one without any; for one who is not there.
    theirs.trader = trader
    with_none = theirs.return_request(await theirs.open_return(device), device)
    assert await signer.refusal(with_none) == REFUSED
    await Passkeys(trader, synced=True).register()
    with_another = theirs.return_request(await theirs.open_return(device), device)
    assert await signer.refusal(with_another) == REFUSED
    trader.trader_id = new_id()
    of_nobody = theirs.return_request(await theirs.open_return(device), device)
    assert await signer.refusal(of_nobody) == REFUSED


async def test_a_frozen_passkey_begins_nothing(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    held, device = passkeys.made_by.passkeys[-1], P256()
    held.sign_count = 4
    begun = await passkeys.come_back(device)
    recovering = Recovering(trader)
    recovering.re_enrolment_id = begun.re_enrolment_id
    await signer.ask(recovering.end_request("veto"))
    held.sign_count = 1
    for _ in range(2):  # the first freezes it, the second finds it frozen
        another = P256()
        asked = passkeys.return_request(await passkeys.open_return(another), another)
        assert await signer.refusal(asked) == REFUSED
        held.sign_count = 90
    assert (await passkeys.row())["state"] == "frozen"


async def test_an_edited_passkey_id_of_a_re_enrolment_is_refused(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys, recovering = Passkeys(trader, synced=True), Recovering(trader)
    await passkeys.register()
    begun = await passkeys.come_back(recovering.device)
    recovering.re_enrolment_id = begun.re_enrolment_id
    await recovering.let_wait()
    for edit in (
        "passkey_id = gen_random_uuid()",
        "passkey_id = NULL, code_id = gen_random_uuid()",
    ):
        before = await recovering.row()
        await signer.as_owner(
            (f"UPDATE re_enrolment SET {edit} WHERE re_enrolment_id = $1", begun.re_enrolment_id)
        )
        assert await signer.refusal(recovering.end_request("complete")) == "evidence_forged"
        await signer.as_owner(
            ("UPDATE re_enrolment SET passkey_id = $2, code_id = $3 WHERE re_enrolment_id = $1",
             begun.re_enrolment_id, before["passkey_id"], before["code_id"])
        )  # fmt: skip
    assert await signer.refusal(recovering.end_request("complete")) == ""


async def test_a_stranger_who_asks_does_not_use_up_the_owners_challenges(trader: Trader) -> None:
    await trader.enrol()
    passkeys, stranger = Passkeys(trader), P256()
    await passkeys.register()
    tried = [passkeys.open_return(stranger) for _ in range(40)]
    outcomes = await asyncio.gather(*tried, return_exceptions=True)
    assert any(isinstance(outcome, DomainError) for outcome in outcomes)
    assert (await passkeys.open_return(P256())).challenge
