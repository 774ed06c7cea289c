"""private_key_jwt (RFC 7523): one answer for every assertion that is not exactly right."""

import asyncio
import hashlib
import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from scripts.clients.encoding import canonical_json
from scripts.clients.keys import KeyPair
from tests.api.assertions import claims, form, header
from tests.api.caller import ORIGIN, Caller, jws, refused_by_oauth
from tests.api.rows import PlatformRow, add_client_token, add_platform, counts

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = int(time.time())
OTHER = str(new_id())

BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "https://other.example/oauth/token"},
    "no audience": {"aud": None},
    "an audience that is a prefix of ours": {"aud": "https://cord.example.evil/oauth/token"},
    "another route's audience": {"aud": f"{ORIGIN}/oauth/introspect"},
    "a list of other audiences": {"aud": ["https://a.example", "https://b.example"]},
    "an empty list of audiences": {"aud": []},
    "an issuer who is somebody else": {"iss": OTHER},
    "a subject who is somebody else": {"sub": OTHER},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "a subject that is no id": {"iss": "platform", "sub": "platform"},
    "an id in another spelling": {"iss": "{" + OTHER + "}", "sub": OTHER},
    "expired": {"exp": NOW - 1},
    "expired at the epoch": {"exp": 0},
    "expired before the epoch": {"exp": -1},
    "no expiry": {"exp": None},
    "valid for too long": {"exp": NOW + 3600},
    "valid for ever": {"exp": 10**10},
    "valid beyond the calendar": {"exp": 10**15},
    "valid beyond 64 bits": {"exp": 10**30},
    "an expiry that is a text": {"exp": str(NOW + 60)},
    "an expiry that is a float": {"exp": NOW + 60.5},
    "an expiry that is true": {"exp": True},
    "issued in the future": {"iat": NOW + 6000},
    "not valid yet": {"nbf": NOW + 6000},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a jti too long": {"jti": "j" * 129},
    "a jti that is a number": {"jti": 7},
}

BAD_HEADERS: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": None},
    "algorithm none": {"alg": "none"},
    "algorithm None": {"alg": "None"},
    "the public key as an HMAC secret": {"alg": "HS256"},
    "RS256 by an EC key": {"alg": "RS256"},
    "EdDSA by an EC key": {"alg": "EdDSA"},
    "an algorithm that is a list": {"alg": ["ES256"]},
    "another key's name": {"kid": "other"},
    "a name that is a list": {"kid": ["x"]},
    "a name that is an object": {"kid": {"x": 1}},
    "a name that is null": {"kid": 0},
    "no type": {"typ": None},
    "the type of a DPoP proof": {"typ": "dpop+jwt"},
    "the type of a statement": {"typ": "tripcord+jws"},
    "a type that is a list": {"typ": ["JWT"]},
    "a key of its own": {"jwk": KeyPair.p256().public_jwk},
    "a key from the internet": {"jku": "https://evil.example/jwks"},
    "a certificate": {"x5c": ["AAAA"]},
    "a critical extension": {"crit": ["exp"]},
    "an unencoded payload": {"b64": False, "crit": ["b64"]},
}


async def attempt(caller: Caller, assertion: str) -> Any:
    return await caller.form("/oauth/token", form(assertion))


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
async def test_an_assertion_with_a_wrong_claim_is_refused(
    changes: dict[str, Any], caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    assertion = jws(header(platform), claims(platform, **changes), platform.key)
    refused_by_oauth(await attempt(caller, assertion), 401, "invalid_client")
    assert await counts(rows) == before


@pytest.mark.parametrize("changes", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
async def test_an_assertion_with_a_wrong_header_is_refused(
    changes: dict[str, Any], caller: Caller, platform: PlatformRow
) -> None:
    fields = header(platform, **changes)
    assertion = jws(fields, claims(platform), platform.key)
    if fields.get("alg") == "HS256":
        public = canonical_json(platform.key.public_jwk)
        assertion = jws(fields, claims(platform), lambda s: hmac.digest(public, s, hashlib.sha256))
    refused_by_oauth(await attempt(caller, assertion), 401, "invalid_client")
    if str(fields.get("alg")).lower() == "none":
        unsigned = jws(fields, claims(platform), b"")
        refused_by_oauth(await attempt(caller, unsigned), 401, "invalid_client")


async def test_an_assertion_by_another_platforms_key_is_refused(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_platform(rows)
    for kid in (platform.key.jkt, other.key.jkt, None):
        assertion = jws(header(platform, kid=kid), claims(platform), other.key)
        refused_by_oauth(await attempt(caller, assertion), 401, "invalid_client")


async def test_a_signature_that_was_bent_is_refused(caller: Caller, platform: PlatformRow) -> None:
    good = jws(header(platform), claims(platform), platform.key)
    head, payload, signature = good.split(".")
    first = "B" if signature[0] == "A" else "A"
    for bent in (
        f"{head}.{payload}.{first}{signature[1:]}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{good}.{signature}",
        good + "=",
        f" {good}",
        "." * 2,
    ):
        refused_by_oauth(await attempt(caller, bent), 401, "invalid_client")
    assert (await attempt(caller, good)).status_code == 200


@pytest.mark.parametrize(
    "audience", [ORIGIN, f"{ORIGIN}/oauth/token", [ORIGIN], ["https://other.example", ORIGIN]]
)
async def test_the_issuer_and_its_endpoint_are_audiences_we_answer_to(
    audience: Any, caller: Caller, platform: PlatformRow
) -> None:
    assertion = jws(header(platform), claims(platform, aud=audience), platform.key)
    response = await attempt(caller, assertion)
    assert response.status_code == 200
    answer = response.json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 600
    assert token.parse(answer["access_token"], TokenKind.CLIENT).trader_id == platform.platform_id


async def test_an_assertion_counts_once_even_when_64_arrive_together(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    assertion = jws(header(platform), claims(platform), platform.key)
    responses = await asyncio.gather(*(attempt(caller, assertion) for _ in range(64)))
    statuses = [response.status_code for response in responses]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 503}  # 503: shed before it was looked at
    refused_by_oauth(await attempt(caller, assertion), 401, "invalid_client")
    made = "SELECT count(*) FROM client_token WHERE platform_id = $1"
    assert await rows.fetchval(made, platform.platform_id) == 2  # one is the fixture's


async def test_two_platforms_may_use_the_same_jti(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    for one in (platform, await add_platform(rows)):
        assertion = jws(header(one), claims(one, jti="the same jti"), one.key)
        assert (await attempt(caller, assertion)).status_code == 200


async def test_a_disabled_platform_neither_gets_a_token_nor_keeps_one(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    disable = "UPDATE platform SET disabled_at = now() WHERE platform_id = $1"
    await rows.execute(disable, platform.platform_id)
    assertion = jws(header(platform), claims(platform), platform.key)
    refused_by_oauth(await attempt(caller, assertion), 401, "invalid_client")
    response = await caller.form("/oauth/introspect", {"token": "x"}, client=platform.token)
    refused_by_oauth(response, 401, "invalid_client")


async def test_an_access_token_ends_with_its_time(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    for seconds, status in ((30, 200), (-1, 401)):
        access = token.mint(TokenKind.CLIENT, platform.platform_id, new_id())
        await add_client_token(rows, access, datetime.now(UTC) + timedelta(seconds=seconds))
        response = await caller.form("/oauth/introspect", {"token": "x"}, client=access)
        assert response.status_code == status


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_a_platform_with_several_keys_names_the_one_it_used(
    algorithm: str, caller: Caller, rows: asyncpg.Connection
) -> None:
    used = KeyPair.p256() if algorithm == "ES256" else KeyPair.ed25519()
    keys = [KeyPair.p256().public_jwk, used.public_jwk, KeyPair.ed25519().public_jwk]
    platform = await add_platform(rows, jwks={"keys": keys})
    named = header(platform, alg=algorithm, kid=used.jkt)
    assert (await attempt(caller, jws(named, claims(platform), used))).status_code == 200
    unnamed = header(platform, alg=algorithm, kid="none of them")
    refused_by_oauth(
        await attempt(caller, jws(unnamed, claims(platform), used)), 401, "invalid_client"
    )


async def test_a_platform_may_name_its_keys_as_it_likes(
    caller: Caller, rows: asyncpg.Connection
) -> None:
    key = KeyPair.p256()
    keys = [{**key.public_jwk, "kid": "2026-11"}, KeyPair.p256().public_jwk]
    platform = await add_platform(rows, jwks={"keys": keys})
    assertion = jws(header(platform, kid="2026-11"), claims(platform), key)
    assert (await attempt(caller, assertion)).status_code == 200


async def test_a_platform_without_keys_is_refused_and_not_a_fault(
    caller: Caller, rows: asyncpg.Connection
) -> None:
    strange: list[dict[str, Any]] = [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}]
    for jwks in strange:
        platform = await add_platform(rows, jwks=jwks)
        assertion = jws(header(platform), claims(platform), platform.key)
        refused_by_oauth(await attempt(caller, assertion), 401, "invalid_client")
