"""DPoP proofs (RFC 9449 section 4.3): one answer for every deviation, and nothing runs."""

from typing import Any

import pytest

from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.dpop_corpus import (
    ACCEPTED,
    BODY,
    PATH,
    PROOFS,
    PROVEN_WITH_ANOTHER_KEY,
    claiming,
    heading,
)
from tests.api.rows import TraderRow
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("name", PROOFS)
async def test_a_proof_that_is_not_exactly_right_is_refused(
    name: str, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    text = trader.device.token.reveal()
    headers = {"Authorization": f"DPoP {text}", "DPoP": PROOFS[name](trader)}
    response = await caller.call("POST", PATH, headers=headers, body=BODY)
    code = "token_rejected" if name in PROVEN_WITH_ANOTHER_KEY else "proof_rejected"
    refused(response, 401, code)
    assert signer.asked == []


@pytest.mark.parametrize("name", ACCEPTED)
async def test_a_proof_may_be_written_in_every_way_the_rfc_allows(
    name: str, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    text = trader.device.token.reveal()
    headers = {"Authorization": f"DPoP {text}", "DPoP": ACCEPTED[name](trader)}
    response = await caller.call("POST", PATH, headers=headers, body=BODY)
    assert response.status_code == 201, response.text
    assert len(signer.relayed()) == 1


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("alg", []),
        ("alg", {}),
        ("alg", ["ES256"]),
        ("alg", 1),
        ("alg", None),
        ("use", []),
        ("use", {}),
        ("use", None),
        ("key_ops", []),
        ("key_ops", {}),
        ("key_ops", [[]]),
        ("key_ops", None),
        ("key_ops", "verify"),
    ],
)
async def test_what_a_key_says_of_itself_in_another_type_is_refused_and_not_a_fault(
    member: str, value: Any, caller: Caller, trader: TraderRow
) -> None:
    jwk = {**trader.device.key.public_jwk, member: value}
    text = trader.device.token.reveal()
    headers = {"Authorization": f"DPoP {text}", "DPoP": heading(jwk=jwk)(trader)}
    response = await caller.call("POST", PATH, headers=headers, body=BODY)
    refused(response, 401, "proof_rejected")


async def test_two_proofs_are_none(caller: Caller, trader: TraderRow) -> None:
    text = trader.device.token.reveal()
    one, two = claiming()(trader), claiming()(trader)
    for pair in ((one, two), (one, one), (one, "")):
        headers = [("Authorization", f"DPoP {text}"), ("DPoP", pair[0]), ("dpop", pair[1])]
        response = await caller.call("POST", PATH, headers=headers, body=BODY)
        refused(response, 401, "proof_rejected")
    response = await caller.call(
        "POST", PATH, headers=[("Authorization", f"DPoP {text}")], body=BODY
    )
    refused(response, 401, "proof_rejected")


async def test_a_query_of_the_request_is_not_in_the_address_that_was_signed(
    caller: Caller, trader: TraderRow
) -> None:
    response = await caller.call("GET", "/v1/approvals?wait=0", by=trader.device)
    assert response.status_code == 200


async def test_the_host_a_client_or_proxy_names_does_not_count(
    caller: Caller, trader: TraderRow
) -> None:
    evil = "evil.example"
    named = {"Host": evil, "X-Forwarded-Host": evil, "X-Forwarded-Proto": "http"}
    response = await caller.call("GET", "/v1/devices", by=trader.device, headers=named)
    assert response.status_code == 200
    proof = trader.device.key.dpop_proof(
        "GET", f"https://{evil}/v1/devices", token=trader.device.token.reveal()
    )
    headers = {
        "Authorization": f"DPoP {trader.device.token.reveal()}",
        "DPoP": proof,
        **named,
    }
    refused(await caller.call("GET", "/v1/devices", headers=headers), 401, "proof_rejected")


async def test_a_proof_for_a_token_is_none_for_a_key_alone_and_the_other_way_round(
    caller: Caller, trader: TraderRow
) -> None:
    key = KeyPair.p256()
    body = {"trader_id": str(trader.trader_id), "public_jwk": key.public_jwk}
    url = f"{ORIGIN}/v1/sessions"
    with_token = key.dpop_proof("POST", url, token="x")
    response = await caller.call("POST", "/v1/sessions", headers={"DPoP": with_token}, body=body)
    refused(response, 401, "proof_rejected")
    without = {"DPoP": key.dpop_proof("POST", url)}
    response = await caller.call("POST", "/v1/sessions", headers=without, body=body)
    assert response.status_code == 201


async def test_a_sign_in_is_for_the_key_that_proves_itself(
    caller: Caller, trader: TraderRow
) -> None:
    key = KeyPair.p256()
    for jwk in (KeyPair.p256().public_jwk, {**key.public_jwk, "d": "AAAA"}):
        body = {"trader_id": str(trader.trader_id), "public_jwk": jwk}
        headers = {"DPoP": key.dpop_proof("POST", f"{ORIGIN}/v1/sessions")}
        response = await caller.call("POST", "/v1/sessions", headers=headers, body=body)
        assert response.status_code in {401, 422}
