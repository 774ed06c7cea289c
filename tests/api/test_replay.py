"""A proof counts once (P3): on every node, at once, whatever becomes of the request."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from app.wiring.api import api
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, jws, proof_claims, proof_header, refused
from tests.api.conftest import calling, settings
from tests.api.rows import TraderRow
from tests.api.signer import StandInSigner
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOGETHER = 64


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def second(
    module_database: FreshDatabase, module_signer: StandInSigner
) -> AsyncIterator[Caller]:
    """Another node of the same service: its own pools, its own memory."""
    async with (
        api(settings(module_database, module_signer.socket.parent)) as services,
        calling(services) as caller,
    ):
        yield caller


async def together(
    callers: tuple[Caller, Caller], method: str, path: str, headers: dict[str, str]
) -> list[httpx.Response]:
    return await asyncio.gather(
        *(callers[number % 2].call(method, path, headers=headers) for number in range(TOGETHER))
    )


async def test_one_of_64_copies_is_accepted_over_two_nodes(
    caller: Caller, second: Caller, trader: TraderRow
) -> None:
    headers = trader.device.headers("GET", "/v1/devices")
    responses = await together((caller, second), "GET", "/v1/devices", headers)
    assert Counter(r.status_code for r in responses) == {200: 1, 401: TOGETHER - 1}
    for response in responses:
        if response.status_code == 401:
            refused(response, 401, "proof_rejected")


async def test_one_of_64_bare_proofs_begins_a_sign_in_over_two_nodes(
    caller: Caller, second: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    key = KeyPair.p256()
    headers = {"DPoP": key.dpop_proof("POST", f"{ORIGIN}/v1/sessions")}
    body = {"trader_id": str(trader.trader_id), "public_jwk": key.public_jwk}
    responses = await asyncio.gather(
        *(
            (caller, second)[number % 2].call("POST", "/v1/sessions", headers=headers, body=body)
            for number in range(TOGETHER)
        )
    )
    assert Counter(r.status_code for r in responses) == {201: 1, 401: TOGETHER - 1}
    begun = "SELECT count(*) FROM session WHERE trader_id = $1"
    assert await rows.fetchval(begun, trader.trader_id) == 1


async def test_one_of_64_copies_of_a_pull_revokes_and_one_fence_stands(
    caller: Caller, second: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    path = f"/v1/tokens/{trader.credential_id}"
    headers = trader.device.headers("DELETE", path)
    responses = await together((caller, second), "DELETE", path, headers)
    assert Counter(r.status_code for r in responses) == {200: 1, 401: TOGETHER - 1}
    revoked = "SELECT count(*) FROM revocation WHERE trader_id = $1"
    assert await rows.fetchval(revoked, trader.trader_id) == 1


async def test_a_proof_is_spent_even_when_its_request_is_refused(
    caller: Caller, trader: TraderRow
) -> None:
    path = "/v1/orders/01890000-0000-7000-8000-000000000000"
    headers = trader.device.headers("GET", path)
    refused(await caller.call("GET", path, headers=headers), 404, "order_not_found")
    refused(await caller.call("GET", path, headers=headers), 401, "proof_rejected")


async def test_the_same_identifier_is_anothers_to_use_once_too(
    caller: Caller, trader: TraderRow
) -> None:
    """One key cannot spend another's proofs, nor a key its own identifier twice."""
    body = {"trader_id": str(trader.trader_id)}
    for key in (KeyPair.p256(), KeyPair.p256()):
        claims = proof_claims("POST", f"{ORIGIN}/v1/sessions", jti="the same identifier")
        for status in (201, 401):
            proof = jws(proof_header(key), {**claims, "iat": claims["iat"] - (status == 401)}, key)
            response = await caller.call(
                "POST",
                "/v1/sessions",
                headers={"DPoP": proof},
                body={**body, "public_jwk": key.public_jwk},
            )
            assert response.status_code == status


async def test_a_spent_proof_is_remembered_for_as_long_as_it_could_be_accepted(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await caller.call("GET", "/v1/devices", by=trader.device)
    left = await rows.fetchval(
        "SELECT extract(epoch FROM expires_at - now()) FROM spent_proof WHERE scope = $1",
        trader.device.key.jkt,
    )
    assert 60 < left <= 66  # 60 s of life and 5 s of skew
