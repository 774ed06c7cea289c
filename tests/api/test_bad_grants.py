"""Requests for a grant that are well-formed JSON and still make no sense."""

from typing import Any

import asyncpg
import pytest

from app.core.ids import new_id
from scripts.clients.keys import KeyPair
from tests.api.caller import Caller, refused
from tests.api.routes import new_grant
from tests.api.rows import PlatformRow, TraderRow, counts

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD_KEYS: dict[str, dict[str, Any]] = {
    "empty": {},
    "a private key": {**KeyPair.ed25519().public_jwk, "d": "AAAA"},
    "another curve": {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
    "P-256 where Ed25519 is meant": KeyPair.p256().public_jwk,
    "a symmetric key": {"kty": "oct", "k": "AAAA"},
    "an unknown type": {"kty": "AKP"},
    "a type that is a list": {"kty": ["OKP"]},
    "a point of small order": {"kty": "OKP", "crv": "Ed25519", "x": "AQ" + "A" * 41},
    "a coordinate that is a number": {"kty": "OKP", "crv": "Ed25519", "x": 1},
    "a use that is encryption": {**KeyPair.ed25519().public_jwk, "use": "enc"},
    "operations without verify": {**KeyPair.ed25519().public_jwk, "key_ops": ["sign"]},
    "operations that are a text": {**KeyPair.ed25519().public_jwk, "key_ops": "verify"},
}


@pytest.mark.parametrize("jwk", BAD_KEYS.values(), ids=BAD_KEYS.keys())
async def test_a_model_key_of_another_kind_is_refused(
    jwk: dict[str, Any],
    caller: Caller,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    body = {**new_grant(trader), "public_jwk": jwk}
    response = await caller.call("POST", "/v1/tokens", client=platform.token, body=body)
    refused(response, 422, "key_rejected")
    assert await counts(rows) == before


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"expires_at": "2030-01-01T00:00:00"}, 400, "malformed"),
        ({"expires_at": 1}, 400, "malformed"),
        ({"expires_at": "soon"}, 400, "malformed"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "malformed"),
        ({"expires_at": "0001-01-01T00:00:00+23:00"}, 400, "malformed"),
        ({"expires_at": "2999-99-99T00:00:00.000000Z"}, 400, "malformed"),
        ({"markets": []}, 400, "malformed"),
        ({"markets": ["BTC USDT"]}, 400, "malformed"),
        ({"markets": ["BTCUSDT\n"]}, 400, "malformed"),
        ({"allocation": {"amount": "-1", "quote": "USDT"}}, 400, "malformed"),
        ({"allocation": {"amount": "1e9", "quote": "USDT"}}, 400, "malformed"),
        ({"allocation": {"amount": "1.2.3", "quote": "USDT"}}, 422, "amount_refused"),
        ({"allocation": {"amount": "٣", "quote": "USDT"}}, 400, "malformed"),
        ({"allocation": {"amount": "5", "quote": "USDT"}}, 403, "wider_than_parent"),
        ({"max_order": {"amount": "10", "quote": "EUR"}}, 422, "amount_refused"),
        ({"parent_id": str(new_id())}, 404, "credential_not_found"),
        ({"trader_id": str(new_id())}, 404, "trader_not_found"),
        ({"kind": "device"}, 400, "malformed"),
    ],
)
async def test_a_grant_that_contradicts_itself_is_refused(
    change: dict[str, Any],
    status: int,
    code: str,
    caller: Caller,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    body = {**new_grant(trader), **change}
    response = await caller.call("POST", "/v1/tokens", client=platform.token, body=body)
    refused(response, status, code)
    assert await counts(rows) == before
