"""Passkeys through the verbs: bound, approving, counted, frozen, removed."""

import asyncio
import secrets
from typing import Any

import msgspec
import pytest

from app.core.ids import new_id
from app.deciding.passkeys import PasskeyProof, PasskeyVerifier
from app.requesting.passkeys import PasskeyRemovals
from app.vault.evidence import Evidence
from app.verbs.wire import Decided
from app.webauthn.errors import PasskeyChanged
from tests.signing.forging import LATER, MORE, NEXT, OTHER_ID, Row
from tests.signing.parts import RELYING_PARTY, Signer
from tests.signing.passkeys import Passkeys
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def removal(signer: Signer, trader: Trader, passkeys: Passkeys) -> Any:
    removals = PasskeyRemovals(signer.api, signer.clock)
    return await removals.request(
        trader.trader_id, passkeys.factor_id, origin=trader.origin,
        path=[trader.root_id, trader.bound.device_id],
    )  # fmt: skip


async def something_to_approve(trader: Trader) -> Any:
    await trader.link()
    requested, _ = await trader.request_grant()
    return requested.approval_id


async def test_the_first_factor_may_be_a_passkey_and_it_approves(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    bound = await passkeys.register()
    assert (bound.state, bound.approval_id) == ("active", None)
    stored = await passkeys.row()
    assert (stored["backup_eligible"], stored["backed_up"], stored["sign_count"]) == (
        False, False, 0,
    )  # fmt: skip
    assert (stored["rp_id"], stored["state"], stored["version"]) == ("cord.example", "active", 1)
    events = [entry["event"] for entry in await signer.log(trader.trader_id)]
    assert events[-2:] == ["passkey.challenged", "passkey.bound"]
    approval = (await passkeys.register()).approval_id  # a second one takes an approval
    assert approval is not None
    decided = await _first(passkeys).approve(approval)
    assert decided.state == "approved"
    decision = await signer.admin.fetchrow(
        "SELECT method, factor_id FROM decision WHERE approval_id = $1", approval
    )
    assert tuple(decision) == ("webauthn", stored["factor_id"])


async def test_a_trader_without_anything_cannot_be_given_a_second_factor_by_the_device_alone(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    bound = await passkeys.register()
    assert bound.state == "pending"
    assert bound.approval_id is not None
    assert await signer.refusal(trader.seal_request(bound.approval_id)) == "approval_not_approved"
    # Pending, it approves nothing: not even itself.
    refused = await signer.refusal(await passkeys.decide_request(bound.approval_id))
    assert refused == "passkey_rejected:allow_list"
    await trader.approve(bound.approval_id)
    sealed = await signer.ask(trader.seal_request(bound.approval_id))
    assert (sealed.state, sealed.version) == ("active", 2)
    assert await signer.refusal(trader.seal_request(bound.approval_id)) == "approval_not_approved"


async def test_beside_a_passkey_a_code_is_too_weak_to_add_another(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    second = await passkeys.register()
    assert second.approval_id is not None
    assert (
        await signer.refusal(await trader.decide_request(second.approval_id)) == "factor_too_weak"
    )
    # A row that asks for less is only a row: the signer knows what it takes.
    await signer.as_owner(
        ("UPDATE approval SET required_strength = 'medium' WHERE approval_id = $1",
         second.approval_id)
    )  # fmt: skip
    await trader.approve(second.approval_id)
    assert await signer.refusal(trader.seal_request(second.approval_id)) == "factor_too_weak"
    third = await passkeys.register()
    assert third.approval_id is not None
    await _first(passkeys).approve(third.approval_id)
    assert (await signer.ask(trader.seal_request(third.approval_id))).state == "active"


def _first(passkeys: Passkeys) -> Passkeys:
    """With the first passkey of the authenticator on top, as a person would choose it."""
    passkeys.made_by.passkeys.append(passkeys.made_by.passkeys.pop(0))
    return passkeys


async def test_an_assertion_is_for_one_approval_and_its_bytes(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    one, other = await something_to_approve(trader), (await trader.request_grant())[0].approval_id
    for_one = passkeys.made_by.get(
        rp_id=RELYING_PARTY.rp_id, challenge=await passkeys.challenge(one)
    )
    refused = await signer.refusal(await passkeys.decide_request(other, for_one))
    assert refused == "passkey_rejected:challenge"
    # Other bytes under the same approval have another digest, so another challenge.
    approval = await signer.admin.fetchrow("SELECT * FROM approval WHERE approval_id = $1", one)
    swapped = approval["action"].replace(b'"label":"mine"', b'"label":"ours"')
    assert swapped != approval["action"]
    await signer.as_owner(
        ("UPDATE approval SET action = $2, digest = sha256($2) WHERE approval_id = $1", one,
         swapped)
    )  # fmt: skip
    refused = await signer.refusal(await passkeys.decide_request(one, for_one))
    assert refused == "passkey_rejected:challenge"
    await signer.as_owner(
        ("UPDATE approval SET action = $2, digest = sha256($2) WHERE approval_id = $1", one,
         approval["action"])
    )  # fmt: skip
    decided: Decided = await signer.ask(await passkeys.decide_request(one, for_one))
    assert decided.state == "approved"
    again = await signer.refusal(await passkeys.decide_request(one, for_one))
    assert again == "approval_not_pending"


async def test_the_method_is_signed_and_takes_its_own_part(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    approval = await something_to_approve(trader)
    asked = await passkeys.decide_request(approval)
    for wrong in (
        msgspec.structs.replace(asked, assertion=None),
        msgspec.structs.replace(asked, code=trader.code()),
        await passkeys.decide_request(approval, method="totp"),
    ):
        assert await signer.refusal(wrong) == "malformed"


async def test_a_counter_that_grows_is_stored_with_the_decision(trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    approval = await something_to_approve(trader)
    before = await passkeys.row()
    await passkeys.approve(approval)
    after = await passkeys.row()
    assert (after["sign_count"], after["version"]) == (1, before["version"] + 1)
    # The row was sealed anew: it is believed again.
    await passkeys.approve((await trader.request_grant())[0].approval_id)
    assert (await passkeys.row())["sign_count"] == 2


async def test_a_proof_that_comes_second_is_not_spent_and_nothing_is_decided(
    signer: Signer, trader: Trader
) -> None:
    """Many decisions with one signature each, at once: the counter has one history."""
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    approval = await something_to_approve(trader)
    asked = [await passkeys.decide_request(approval) for _ in range(6)]
    refusals = await asyncio.gather(*(signer.refusal(one) for one in asked))
    assert refusals.count("") == 1
    state = await signer.admin.fetchval(
        "SELECT count(*) FROM decision WHERE approval_id = $1", approval
    )
    assert state == 1


@pytest.mark.parametrize("synced", [False, True])
async def test_a_proof_is_not_spent_on_a_row_that_changed_since(
    signer: Signer, trader: Trader, *, synced: bool
) -> None:
    """Two proofs of one version of the row; or one, and the passkey was taken away meanwhile."""
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader, synced=synced)
    await passkeys.add()
    verifier = PasskeyVerifier(
        signer.db, Evidence(signer.parts.workers), signer.clock, RELYING_PARTY
    )

    async def proof() -> PasskeyProof:
        challenge = secrets.token_bytes(32)
        assertion = passkeys.made_by.get(rp_id=RELYING_PARTY.rp_id, challenge=challenge)
        return await verifier.prove(
            trader.trader_id, trader.root_id, msgspec.json.encode(assertion),
            challenge=challenge, origin=trader.origin,
        )  # fmt: skip

    first, second = await proof(), await proof()
    async with signer.db.locked(trader.trader_id) as tx:
        await first.spend(tx)
    if synced:  # without a counter a use changes nothing; that it is removed does
        away = await removal(signer, trader, passkeys)
        await passkeys.approve(away)
        await signer.ask(trader.seal_request(away))
    with pytest.raises(PasskeyChanged):
        async with signer.db.locked(trader.trader_id) as tx:
            await second.spend(tx)


async def test_22_a_counter_that_goes_back_freezes_the_passkey_rings_and_stays_so(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    await signer.admin.execute(
        "INSERT INTO push_registration (trader_id, device_id, provider, registration, kind)"
        " VALUES ($1, $2, 'fcm', $3, 'fid')", trader.trader_id, trader.bound.device_id,
        str(new_id()),
    )  # fmt: skip
    passkeys = Passkeys(trader)
    await passkeys.add()
    approval = await something_to_approve(trader)
    held = passkeys.made_by.passkeys[-1]
    held.sign_count = 8
    await passkeys.approve(approval)
    held.sign_count = 3  # the clone's own count
    second = (await trader.request_grant())[0].approval_id
    refused = await signer.refusal(await passkeys.decide_request(second))
    assert refused == "passkey_counter_regressed"
    # The decision was rolled back; that it froze was not.
    row = await passkeys.row()
    assert (row["state"], row["sign_count"]) == ("frozen", 9)
    log = await signer.log(trader.trader_id)
    assert [(e["event"], e["outcome"]) for e in log[-2:]] == [
        ("passkey.frozen", "ok"), ("approval.decided", "refused"),
    ]  # fmt: skip
    rung = await signer.admin.fetch(
        "SELECT topic FROM outbox WHERE trader_id = $1 AND rid = $2", trader.trader_id,
        passkeys.factor_id,
    )  # fmt: skip
    assert [row["topic"] for row in rung] == ["security"]
    held.sign_count = 50  # whatever it counts now
    refused = await signer.refusal(await passkeys.decide_request(second))
    assert refused == "passkey_frozen"
    # The other factor is not frozen with it, and takes the frozen one away.
    away = await removal(signer, trader, passkeys)
    await trader.approve_and_seal(away)
    assert (await passkeys.row())["state"] == "removed"


async def test_a_synced_passkey_that_never_counts_approves_again_and_again(trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader, synced=True)
    await passkeys.add()
    version = (await passkeys.row())["version"]
    await passkeys.approve(await something_to_approve(trader))
    await passkeys.approve((await trader.request_grant())[0].approval_id)
    row = await passkeys.row()
    assert (row["sign_count"], row["version"], row["backed_up"]) == (0, version, True)


async def test_an_approval_is_for_the_passkey_it_shows_whatever_its_row_points_at(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    shown, hidden = Passkeys(trader), Passkeys(trader)
    approval = (await shown.register()).approval_id
    await hidden.register()
    assert approval is not None
    await trader.approve(approval)
    await signer.as_owner(
        ("UPDATE approval SET subject_id = $2 WHERE approval_id = $1", approval, hidden.factor_id)
    )
    assert await signer.refusal(trader.seal_request(approval)) == "action_mismatch"
    assert (await hidden.row())["state"] == "pending"


async def test_removing_takes_an_approval_as_strong_as_the_passkey(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    await trader.listen()
    passkeys = Passkeys(trader)
    await passkeys.add()
    away = await removal(signer, trader, passkeys)
    assert await signer.refusal(await trader.decide_request(away)) == "factor_too_weak"
    await passkeys.approve(away)
    sealed = await signer.ask(trader.seal_request(away))
    assert sealed.state == "removed"
    told = "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'"
    assert await signer.admin.fetchval(told, trader.trader_id) == 2  # it came, and it went
    approval = await something_to_approve(trader)
    refused = await signer.refusal(await passkeys.decide_request(approval))
    assert refused == "passkey_rejected:allow_list"


async def test_the_last_way_to_approve_is_not_removed(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    await passkeys.register()
    away = await removal(signer, trader, passkeys)
    await passkeys.approve(away)
    assert await signer.refusal(trader.seal_request(away)) == "last_factor"


async def test_what_somebody_wrote_into_the_table_is_not_another_way_to_approve(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    await passkeys.register()
    await passkeys.approve(away := await removal(signer, trader, passkeys))
    written = (
        "INSERT INTO passkey SELECT p.* FROM passkey o, jsonb_populate_record(o,"
        " jsonb_build_object('factor_id', $2::uuid)) AS p WHERE o.factor_id = $1"
    )
    await signer.as_owner((written, passkeys.factor_id, new_id()))
    assert await signer.refusal(trader.seal_request(away)) == "evidence_forged"


async def test_another_traders_passkey_approves_nothing_here(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    stranger = Trader(signer)
    await stranger.enrol()
    theirs = Passkeys(stranger)
    await theirs.register()
    approval = await something_to_approve(trader)
    assertion = theirs.made_by.get(
        rp_id=RELYING_PARTY.rp_id, challenge=await theirs.challenge(approval)
    )
    mine = Passkeys(trader)
    refused = await signer.refusal(await mine.decide_request(approval, assertion))
    assert refused == "passkey_rejected:allow_list"


async def test_an_edited_passkey_is_refused_column_by_column(
    signer: Signer, trader: Trader
) -> None:
    """By somebody with the database in his hands, beneath every trigger and grant."""
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.add()
    approval = await something_to_approve(trader)
    row = Row(signer, "passkey", "factor_id", passkeys.factor_id)
    edits = {
        "trader_id": OTHER_ID, "factor_id": OTHER_ID, "root_id": OTHER_ID, "device_id": OTHER_ID,
        "credential_id": MORE, "public_key": MORE, "sign_count": NEXT,
        "backup_eligible": "NOT {}",  "transports": "ARRAY['usb']",
        "aaguid": OTHER_ID, "attestation": "'packed'", "rp_id": MORE, "label": MORE,
        "state": "'frozen'", "bound_at": LATER, "version": NEXT, "mac": "sha256({})",
    }  # fmt: skip
    # `backed_up` alone cannot say otherwise: the table does not hold such a row.
    assert set(edits) == set(await row.columns()) - {"backed_up"}

    async def attempt() -> str:
        return await signer.refusal(await passkeys.decide_request(approval))

    refusals = await row.refusals(edits, attempt)
    assert set(refusals.values()) == {"evidence_forged", "passkey_rejected:allow_list"}
    assert sorted(k for k, v in refusals.items() if v != "evidence_forged") == [
        "credential_id", "root_id", "trader_id",
    ]  # fmt: skip
    assert await attempt() == ""


async def test_a_row_that_says_it_was_removed_is_no_way_to_a_weaker_approval(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    factor_id = await passkeys.add()
    opened = await passkeys.open()
    assert opened.options is not None
    asked = passkeys.bind_request(opened, passkeys.made_by.create(opened.options))
    await signer.as_owner(("UPDATE passkey SET state = 'removed' WHERE factor_id = $1", factor_id))
    assert await signer.refusal(asked) == "evidence_forged"
