"""The edge of a re-enrolment: what it relays, what it shows to whom, what it hands out once."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.canonical import canonical_json
from app.core.ids import new_id
from app.verbs import wire
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.rows import TraderRow
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATEMENT = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"
_MAC = bytes(32)


def proof(key: KeyPair, method: str, path: str) -> dict[str, str]:
    return {"DPoP": key.dpop_proof(method, ORIGIN + path)}


async def add_waiting(rows: asyncpg.Connection, trader: TraderRow, key: KeyPair) -> UUID:
    code, re_enrolment = new_id(), new_id()
    device = trader.device.token.token_id
    await rows.execute(
        "INSERT INTO recovery_code VALUES ($1,$2,1,$3,$4,'{}',now(),1,$5)",
        *(trader.trader_id, code, trader.root_id, device, _MAC),
    )
    await rows.execute(
        "INSERT INTO re_enrolment VALUES ($1,$2,$3,$4,$5,'new',NULL,NULL,false,now(),"
        "now() + interval '24 hours',now() + interval '2 days','waiting',NULL,NULL,1,$6)",
        *(trader.trader_id, re_enrolment, trader.root_id, code, canonical_json(key.public_jwk)),
        _MAC,
    )
    return re_enrolment


def bound(trader: TraderRow) -> wire.BoundDevice:
    return wire.BoundDevice(
        trader_id=trader.trader_id, device_id=new_id(), root_token_id=new_id(),
        device_token="tc_device_x", identity_jwk={}, identity_jkt="i", checkpoint_jkt="c",
    )  # fmt: skip


async def test_a_completed_one_hands_out_the_token_and_the_receipt_once(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    key, re_enrolment = KeyPair.p256(), new_id()
    path = f"/v1/re-enrolments/{re_enrolment}/complete"
    body = {"trader_id": str(trader.trader_id), "statement": STATEMENT}
    for receipt in ("tc_receipt_x", None):
        signer.answers[wire.EndReEnrolment] = wire.EndedReEnrolment(
            state="completed", device=bound(trader), receipt=receipt
        )
        answer = await caller.call("POST", path, body=body, headers=proof(key, "POST", path))
        assert answer.status_code == 201
        assert answer.json()["device_token"] == "tc_device_x"
        assert answer.headers.get("tripcord-receipt") == receipt
        assert answer.headers["cache-control"] == "no-store"
    first, _ = signer.relayed()
    assert (first.act, first.device_id, first.statement) == ("complete", None, STATEMENT)
    assert first.re_enrolment_id == re_enrolment
    assert first.origin.actor == f"device:{key.jkt}"


async def test_a_veto_names_the_device_and_takes_no_token(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    path = f"/v1/re-enrolments/{new_id()}/veto"
    body = {
        "trader_id": str(trader.trader_id), "statement": STATEMENT,
        "device_id": str(trader.device.token.token_id),
    }  # fmt: skip
    answer = await caller.call(
        "POST", path, body=body, headers=proof(trader.device.key, "POST", path)
    )
    assert (answer.status_code, answer.json()["state"]) == (200, "vetoed")
    (asked,) = signer.relayed()
    assert (asked.act, asked.device_id) == ("veto", trader.device.token.token_id)


async def test_a_proof_is_spent_once_and_must_be_by_the_key_that_comes(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    key, other = KeyPair.p256(), KeyPair.p256()
    body: dict[str, Any] = {
        "trader_id": str(trader.trader_id), "code_id": str(new_id()), "name": "new",
        "public_jwk": key.public_jwk, "statement": STATEMENT, "code_statement": STATEMENT,
    }  # fmt: skip
    path = "/v1/re-enrolments"
    wrong = await caller.call("POST", path, body=body, headers=proof(other, "POST", path))
    refused(wrong, 401, "proof_rejected")
    headers = proof(key, "POST", path)
    assert (await caller.call("POST", path, body=body, headers=headers)).status_code == 201
    refused(await caller.call("POST", path, body=body, headers=headers), 401, "proof_rejected")
    assert len(signer.relayed()) == 1


async def test_old_devices_and_the_new_one_see_it_and_a_lost_one_and_strangers_do_not(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    key = KeyPair.p256()
    re_enrolment = await add_waiting(rows, trader, key)
    path, query = "/v1/re-enrolments", f"?trader_id={trader.trader_id}"
    one = f"{path}/{re_enrolment}"

    async def seen_by(who: KeyPair) -> tuple[int, int]:
        listed = await caller.call("GET", path + query, headers=proof(who, "GET", path))
        single = await caller.call("GET", one + query, headers=proof(who, "GET", one))
        return len(listed.json()["items"]), single.status_code

    old = trader.device.key
    assert await seen_by(key) == (1, 200)
    assert await seen_by(old) == (1, 200)
    assert await seen_by(KeyPair.p256()) == (0, 404)
    await rows.execute(
        "SELECT mint_token($1,$2,'device',$3,$4,'k','{control}','d',now() + interval '1 day')",
        *(trader.trader_id, reporter := new_id(), trader.root_id, bytes(32)),
    )
    await rows.execute(
        "INSERT INTO device VALUES ($1,$2,$3,$4,'other',now(),1,$5)",
        *(trader.trader_id, reporter, trader.root_id),
        *(canonical_json(KeyPair.p256().public_jwk), _MAC),
    )
    await rows.execute(
        "INSERT INTO lost_device (trader_id, device_id, reported_by) VALUES ($1,$2,$3)",
        *(trader.trader_id, trader.device.token.token_id, reporter),
    )
    assert await seen_by(old) == (0, 404)
    reads = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE trader_id = $1 AND event = 're_enrolments.read'",
        trader.trader_id,
    )
    assert reads == 4
