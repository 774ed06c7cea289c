"""Registering passkeys through the verbs: one challenge, one device, one credential id."""

import asyncio
from datetime import timedelta
from typing import Any

import cbor2
import msgspec
import pytest

from app.approvals.models import LONGEST_LIFE
from app.core.ids import new_id
from app.verbs.answers import BoundPasskey, OpenedCeremony
from scripts.clients.authenticator import Authenticator
from scripts.clients.encoding import Json, b64url
from tests.core.keys import text
from tests.signing.bot import now
from tests.signing.parts import Signer
from tests.signing.passkeys import WEB, Passkeys
from tests.signing.recovering import another_device
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_challenge_is_used_once_whatever_comes_of_it(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    opened = await passkeys.open()
    assert opened.options is not None
    response = passkeys.made_by.create(opened.options)
    wrong = passkeys.made_by.create(opened.options | {"rp": {"id": "evil.example"}})
    assert await signer.refusal(passkeys.bind_request(opened, wrong)) == "passkey_rejected:rp_id"
    again = await signer.refusal(passkeys.bind_request(opened, response))
    assert again == "passkey_challenge_gone"


async def test_of_many_who_use_one_challenge_at_once_one_does(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys, twin = Passkeys(trader), await signer.twin()
    opened = await passkeys.open()
    assert opened.options is not None
    asked = passkeys.bind_request(opened, passkeys.made_by.create(opened.options))
    try:
        refusals = await asyncio.gather(
            *(one.refusal(asked) for one in (signer, twin) for _ in range(8))
        )
    finally:
        await twin.close()
    assert refusals.count("") == 1
    # Where the refusals' own log entries stand in line, some are told so instead.
    assert set(refusals) <= {"", "passkey_challenge_gone", "trader_busy"}


async def test_a_challenge_is_of_its_device_and_of_its_time(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    opened = await passkeys.open()
    assert opened.options is not None
    response = passkeys.made_by.create(opened.options)
    asked = passkeys.bind_request(opened, response)
    key, device_id = await another_device(trader)
    honest, trader.device = trader.device, key
    theirs = passkeys.bind_request(opened, response, device_id=str(device_id))
    trader.device = honest
    theirs = msgspec.structs.replace(theirs, device_id=device_id)
    assert await signer.refusal(theirs) == "passkey_challenge_gone"
    expire = "UPDATE passkey_challenge SET created_at = created_at - interval '6 minutes',"
    await signer.as_owner(
        (f"{expire} expires_at = expires_at - interval '6 minutes' WHERE challenge_id = $1",
         opened.challenge_id)
    )  # fmt: skip
    assert await signer.refusal(asked) == "passkey_challenge_gone"


async def test_a_device_opens_five_challenges_and_no_more(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    for _ in range(5):
        await passkeys.open()
    assert await signer.refusal(passkeys.ceremony_request()) == "too_many_challenges"


async def test_a_registration_counts_only_with_the_devices_word_for_it(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    opened = await passkeys.open()
    assert opened.options is not None
    response = passkeys.made_by.create(opened.options)
    other = passkeys.made_by.create(opened.options)
    for changes, code in (
        ({"iat": now() - 301}, "statement_rejected"),
        ({"device_id": str(new_id())}, "statement_rejected"),
        ({"trader_id": str(new_id())}, "statement_rejected"),
        ({"response_sha256": text(bytes(32))}, "statement_rejected"),
        ({"challenge_id": str(new_id())}, "passkey_challenge_gone"),
        ({"domain": "tripcord/bind-factor/v1"}, "signature_rejected"),
        ({"more": 1}, "signature_rejected"),
    ):
        refused = await signer.refusal(passkeys.bind_request(opened, response, **changes))
        assert refused == code, changes
    swapped = msgspec.structs.replace(
        passkeys.bind_request(opened, response), response=msgspec.json.encode(other)
    )
    assert await signer.refusal(swapped) == "statement_rejected"
    relabelled = response | {"response": response["response"] | {"transports": ["usb"]}}
    swapped = msgspec.structs.replace(swapped, response=msgspec.json.encode(relabelled))
    assert await signer.refusal(swapped) == "statement_rejected"
    assert await signer.refusal(passkeys.bind_request(opened, response)) == ""


async def test_25_a_credential_id_is_registered_once_for_all_traders(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    await passkeys.register()
    taken = passkeys.made_by.passkeys[-1].credential_id

    async def again(other: Passkeys) -> str:
        opened = await other.open()
        assert opened.options is not None
        other.made_by.create(opened.options)
        held = other.made_by.passkeys[-1]
        held.credential_id = taken
        return await signer.refusal(other.bind_request(opened, _created(opened, held)))

    stranger = Trader(signer)
    await stranger.enrol()
    for who in (trader, stranger):
        assert await again(Passkeys(who)) == "passkey_rejected:credential_id_taken"


def _created(opened: OpenedCeremony, held: Any) -> Json:
    """What the authenticator would have made, with the credential as it is now."""
    made = Authenticator(origin=WEB, synced=False)
    made.passkeys = [held]
    assert opened.options is not None
    client_data = made.client_data("webauthn.create", opened.challenge)
    attestation = cbor2.dumps(
        {"fmt": "none", "attStmt": {}, "authData": made.authenticator_data(held, new=True)}
    )
    name = b64url(held.credential_id)
    return {
        "id": name, "rawId": name, "type": "public-key",
        "response": {
            "clientDataJSON": b64url(client_data), "attestationObject": b64url(attestation),
            "transports": ["internal"],
        },
    }  # fmt: skip


async def test_a_contained_device_registers_nothing(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    await trader.revoke(trader.root_id)
    refused = await signer.refusal(passkeys.ceremony_request())
    assert refused == "containment_forbids:revoked"


async def test_an_unknown_traders_challenge_looks_like_any_other_and_is_none(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    before = await signer.admin.fetchval("SELECT count(*) FROM passkey_challenge")
    trader.trader_id = new_id()
    opened = await Passkeys(trader).open_return(trader.device)
    assert (len(opened.challenge), opened.rp_id) == (32, "cord.example")
    assert await signer.admin.fetchval("SELECT count(*) FROM passkey_challenge") == before


async def test_the_answer_of_a_binding_is_small(trader: Trader) -> None:
    await trader.enrol()
    bound: BoundPasskey = await Passkeys(trader).register()
    assert set(msgspec.to_builtins(bound)) == {"factor_id", "state", "approval_id"}


async def test_a_passkey_that_nobody_approved_in_time_may_be_made_again(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    passkeys = Passkeys(trader)
    await passkeys.register()
    for ahead, count in ((timedelta(0), 1), (LONGEST_LIFE + timedelta(seconds=1), 0)):
        signer.clock.ahead = ahead
        opened = await passkeys.open()
        assert opened.options is not None
        assert len(opened.options["excludeCredentials"]) == count


async def test_the_question_about_a_further_passkey_is_in_the_log_with_where_it_came_from(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    bound = await Passkeys(trader).register()
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["event"], entry["subject_id"]) == ("approval.requested", bound.approval_id)
    asked = await signer.admin.fetchrow(
        "SELECT digest, asked_from FROM approval WHERE approval_id = $1", bound.approval_id
    )
    assert (entry["request_digest"], entry["address"]) == tuple(asked)
