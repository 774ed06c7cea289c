"""Server nonces (RFC 9449 sections 8 and 9): who is asked for one, and which are taken."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.api.nonces import WINDOW_SECONDS, Nonces, NonceSecret
from app.core.secret import Secret
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, Party, jws, proof_claims, proof_header, refused
from tests.api.conftest import Start
from tests.api.dpop_corpus import BODY, NONCE_WANTED, PATH, aged, ath, claiming
from tests.api.rows import PlatformRow, TraderRow
from tests.api.signer import StandInSigner
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="module")
async def strict(start: Start, module_database: FreshDatabase) -> AsyncIterator[Caller]:
    """An api that wants a nonce in every proof."""
    async with start(module_database, dpop_nonces="required") as caller:
        yield caller


async def send(caller: Caller, trader: TraderRow, proof: str) -> httpx.Response:
    text = trader.device.token.reveal()
    headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
    return await caller.call("POST", PATH, headers=headers, body=BODY)


def challenged(response: httpx.Response) -> str:
    """Check a challenge; the nonce it came with."""
    refused(response, 401, "nonce_required")
    assert response.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    nonce: str = response.headers["dpop-nonce"]
    return nonce


@pytest.mark.parametrize("name", NONCE_WANTED)
async def test_a_proof_of_doubtful_age_is_asked_for_a_nonce_and_nothing_runs(
    name: str, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    response = await send(caller, trader, NONCE_WANTED[name](trader))
    nonce = challenged(response)
    assert signer.asked == []
    again = await send(caller, trader, claiming(nonce=nonce)(trader))
    assert again.status_code == 201
    assert len(signer.relayed()) == 1
    assert again.headers["dpop-nonce"] == nonce


@pytest.mark.usefixtures("signer")
async def test_a_proof_made_now_needs_none_and_gets_none(caller: Caller, trader: TraderRow) -> None:
    response = await send(caller, trader, claiming()(trader))
    assert response.status_code == 201
    assert "dpop-nonce" not in response.headers


@pytest.mark.usefixtures("signer")
async def test_a_nonce_does_not_make_an_old_proof_of_a_wrong_clock_good_for_ever(
    caller: Caller, trader: TraderRow
) -> None:
    nonce = challenged(await send(caller, trader, aged(50)(trader)))
    for seconds, status in ((50, 201), (65, 401)):
        proof = claiming(nonce=nonce, iat=int(time.time()) - seconds)(trader)
        assert (await send(caller, trader, proof)).status_code == status


@pytest.mark.usefixtures("signer")
async def test_a_proof_with_a_nonce_counts_once_as_well(caller: Caller, trader: TraderRow) -> None:
    nonce = challenged(await send(caller, trader, aged(50)(trader)))
    proof = claiming(nonce=nonce)(trader)
    assert (await send(caller, trader, proof)).status_code == 201
    refused(await send(caller, trader, proof), 401, "proof_rejected")


async def test_a_nonce_of_one_node_is_good_at_another(
    caller: Caller, strict: Caller, trader: TraderRow
) -> None:
    path = "/v1/devices"
    nonce = challenged(await strict.call("GET", path, by=trader.device))
    assert (await get(caller, trader.device, path, nonce)).status_code == 200
    assert (await get(strict, trader.device, path, nonce)).status_code == 200


async def test_where_nonces_are_required_every_proof_needs_one_even_a_bare_one(
    strict: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    for party in trader.parties:
        nonce = challenged(await strict.call("GET", "/v1/balances", by=party))
        response = await get(strict, party, "/v1/balances", nonce)
        assert response.status_code == 200
        assert response.headers["dpop-nonce"]
    key = KeyPair.p256()
    body = {"trader_id": str(trader.trader_id), "public_jwk": key.public_jwk}
    proof = key.dpop_proof("POST", f"{ORIGIN}/v1/sessions")
    challenged(await strict.call("POST", "/v1/sessions", headers={"DPoP": proof}, body=body))
    proof = key.dpop_proof("POST", f"{ORIGIN}/v1/sessions", nonce=nonce)
    answer = await strict.call("POST", "/v1/sessions", headers={"DPoP": proof}, body=body)
    assert answer.status_code == 201
    unbound = await strict.form("/oauth/introspect", {"token": "x"}, client=platform.token)
    assert unbound.status_code == 200


async def test_a_nonce_tells_an_unknown_caller_nothing_of_the_token(
    strict: Caller, trader: TraderRow
) -> None:
    stranger = Party(key=KeyPair.p256(), token=trader.device.token)
    challenged(await strict.call("GET", "/v1/devices", by=stranger))


async def get(caller: Caller, party: Party, path: str, nonce: str) -> httpx.Response:
    text = party.token.reveal()
    proof = party.key.dpop_proof("GET", ORIGIN + path, token=text, nonce=nonce)
    headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
    return await caller.call("GET", path, headers=headers)


def made(*ages: timedelta, is_required: bool = False) -> Nonces:
    nonces = Nonces(is_required=is_required)
    nonces.use([NonceSecret(NOW - age, Secret(bytes([n]) * 32)) for n, age in enumerate(ages)])
    return nonces


@pytest.mark.parametrize(
    ("later", "accepted"),
    [(0, True), (WINDOW_SECONDS, True), (2 * WINDOW_SECONDS, False), (-WINDOW_SECONDS, False)],
)
async def test_a_nonce_counts_in_its_window_and_the_next(later: int, *, accepted: bool) -> None:
    nonces = made(timedelta(hours=1))
    nonce = nonces.current(NOW)
    assert nonces.accepts(nonce, NOW + timedelta(seconds=later)) is accepted


async def test_a_new_secret_is_taken_at_once_and_used_when_every_node_knows_it() -> None:
    day = timedelta(days=1)
    fresh, old = made(timedelta(minutes=4), day), made(day, day)
    both, settled = made(timedelta(minutes=4), day), made(timedelta(minutes=6), day)
    assert fresh.current(NOW) != old.current(NOW)
    only_old: Any = Nonces(is_required=False)
    only_old.use([NonceSecret(NOW - day, Secret(b"\1" * 32))])
    assert both.current(NOW) == only_old.current(NOW)
    assert settled.current(NOW) != only_old.current(NOW)
    assert settled.accepts(only_old.current(NOW), NOW)
    assert both.accepts(settled.current(NOW), NOW)
    assert not only_old.accepts(settled.current(NOW), NOW)
    assert made(timedelta(0)).current(NOW)


async def test_a_bad_signature_is_told_before_any_nonce(caller: Caller, trader: TraderRow) -> None:
    claims = proof_claims("POST", ORIGIN + PATH, ath=ath(trader), nonce="x")
    bent = jws(proof_header(trader.device.key), claims, bytes(64))
    response = await send(caller, trader, bent)
    refused(response, 401, "proof_rejected")
    assert "dpop-nonce" not in response.headers
