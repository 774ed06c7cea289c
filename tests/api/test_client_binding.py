"""A platform's access token, bound to a key of its own (RFC 9449), and nonces at /oauth/token."""

import time
from typing import Any

import asyncpg
import httpx
import pytest

from app.core import token
from app.core.token import TokenKind
from scripts.clients.encoding import b64url, sha256
from scripts.clients.keys import KeyPair
from tests.api.assertions import ENDPOINT, claims, form, header
from tests.api.caller import (
    ORIGIN,
    Caller,
    Party,
    jws,
    proof_claims,
    proof_header,
    refused,
    refused_by_oauth,
)
from tests.api.rows import PlatformRow, TraderRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/oauth/token"
WRONG: dict[str, dict[str, Any]] = {
    "for another route": {"htu": f"{ORIGIN}/oauth/revoke"},
    "for another method": {"htm": "GET"},
    "without an identifier": {"jti": None},
    "for a token": {"ath": "A" * 43},
    "from long ago": {"iat": 0},
    "from another century": {"iat": 10**10},
}


def assertion(platform: PlatformRow) -> str:
    return jws(header(platform), claims(platform), platform.key)


def proof(key: KeyPair, **changes: Any) -> str:
    fields = proof_claims("POST", ENDPOINT, **changes)
    return jws(proof_header(key), {n: v for n, v in fields.items() if v is not None}, key)


async def ask(caller: Caller, said: str, *proofs: str) -> httpx.Response:
    headers = [("DPoP", one) for one in proofs]
    return await caller.http.post(PATH, data=form(said), headers=headers)


async def bound(caller: Caller, platform: PlatformRow, key: KeyPair) -> Party:
    response = await ask(caller, assertion(platform), proof(key))
    assert response.status_code == 200, response.text
    assert response.json()["token_type"] == "DPoP"
    text = response.json()["access_token"]
    return Party(key=key, token=token.parse(text, TokenKind.CLIENT))


async def test_a_proof_of_doubtful_age_costs_a_nonce_and_not_the_assertion(
    caller: Caller, platform: PlatformRow
) -> None:
    """400 where tokens are asked for (section 8), 401 where they are used (section 9)."""
    key, said, old = KeyPair.p256(), assertion(platform), int(time.time()) - 30
    response = await ask(caller, said, proof(key, iat=old))
    refused_by_oauth(response, 400, "use_dpop_nonce")
    assert "www-authenticate" not in response.headers
    nonce = response.headers["dpop-nonce"]
    again = await ask(caller, said, proof(key, iat=old, nonce=nonce))
    assert again.status_code == 200, again.text
    assert again.headers["dpop-nonce"] == nonce
    party = Party(key=key, token=token.parse(again.json()["access_token"]))
    stale = jws(
        proof_header(key),
        proof_claims("POST", f"{ORIGIN}/v1/traders", iat=old, ath=_ath(party)),
        key,
    )
    headers = {"Authorization": f"DPoP {party.token.reveal()}", "DPoP": stale}
    used = await caller.call("POST", "/v1/traders", body={}, headers=headers)
    refused(used, 401, "nonce_required")
    assert used.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    assert used.headers["dpop-nonce"]


async def test_a_bound_token_works_with_its_key_and_with_nothing_else(
    caller: Caller, platform: PlatformRow, trader: TraderRow
) -> None:
    party = await bound(caller, platform, KeyPair.p256())
    assert (await caller.call("POST", "/v1/traders", body={}, by=party)).status_code == 201
    keys = f"/v1/traders/{trader.trader_id}/exchange-credentials"
    assert (await caller.call("GET", keys, by=party)).status_code == 200
    bearer = await caller.call("GET", keys, client=party.token)
    refused(bearer, 401, "client_rejected")
    stranger = Party(key=KeyPair.p256(), token=party.token)
    refused(await caller.call("GET", keys, by=stranger), 401, "client_rejected")
    headers = party.headers("GET", keys)
    assert (await caller.call("GET", keys, headers=headers)).status_code == 200
    refused(await caller.call("GET", keys, headers=headers), 401, "proof_rejected")
    plain = Party(key=party.key, token=platform.token)  # a bearer's token is nothing to DPoP
    refused(await caller.call("GET", keys, by=plain), 401, "client_rejected")


async def test_a_bound_token_asks_revokes_and_never_introspects(
    caller: Caller, platform: PlatformRow, trader: TraderRow
) -> None:
    party = await bound(caller, platform, KeyPair.ed25519())
    grant = trader.grant.token.reveal()
    bearer = await caller.form("/oauth/introspect", {"token": grant}, client=party.token)
    refused_by_oauth(bearer, 401, "invalid_client")
    headers = party.headers("POST", "/oauth/revoke")
    ended = await caller.http.post("/oauth/revoke", data={"token": grant}, headers=headers)
    assert ended.status_code == 200
    alive = await caller.form("/oauth/introspect", {"token": grant}, client=platform.token)
    assert alive.json() == {"active": False}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_proof_gets_no_token_and_spends_nothing(
    changes: dict[str, Any], caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    said, made = assertion(platform), "SELECT count(*) FROM client_token WHERE platform_id = $1"
    before = await rows.fetchval(made, platform.platform_id)
    response = await ask(caller, said, proof(KeyPair.p256(), **changes))
    refused_by_oauth(response, 400, "invalid_dpop_proof")
    assert await rows.fetchval(made, platform.platform_id) == before
    assert (await ask(caller, said, proof(KeyPair.p256()))).status_code == 200


async def test_a_proof_at_the_token_endpoint_counts_once(
    caller: Caller, platform: PlatformRow
) -> None:
    one = proof(KeyPair.p256())
    assert (await ask(caller, assertion(platform), one)).status_code == 200
    refused_by_oauth(await ask(caller, assertion(platform), one), 400, "invalid_dpop_proof")
    two = [proof(KeyPair.p256()) for _ in range(2)]
    refused_by_oauth(await ask(caller, assertion(platform), *two), 400, "invalid_dpop_proof")


def _ath(party: Party) -> str:
    return b64url(sha256(party.token.reveal().encode()))


async def test_who_is_no_client_hears_that_and_nothing_of_the_proof(caller: Caller) -> None:
    for wrong in WRONG.values():
        response = await ask(caller, "e30.e30.AA", proof(KeyPair.p256(), **wrong))
        refused_by_oauth(response, 401, "invalid_client")
