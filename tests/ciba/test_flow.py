"""A yes, a no and no answer, from the request to the ID token, each error by its cause."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import jwt
import pytest

from app.core import token
from app.core.token import TokenKind
from scripts.clients.approvals import Decision
from scripts.clients.ciba import GRANT_TYPE
from scripts.clients.http import Api
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from tests.ciba.conftest import Shop, do, shop_of
from tests.ciba.parts import TRANSFER, approve, asked_by, let_a_day_pass, refused, set_state

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_yes_is_fetched_once_and_says_what_was_on_the_phone(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER, binding_message="Code W4-SCT")
    assert (asked.expires_in, asked.interval) == (120, 5)
    assert await do(shop.ciba.fetch, asked) is None
    prompt = await approve(phone)
    shown = json.loads(prompt.approval.action)
    assert shown["claimed"] == {"by": "a platform", "message": "Code W4-SCT"} | {
        name: value for name, value in shown["claimed"].items() if value is None
    }
    approved = await do(shop.ciba.fetch, asked)
    assert approved is not None
    assert approved.details == shown
    assert {name: approved.details[name] for name in TRANSFER} == TRANSFER
    claims = approved.claims
    assert claims["sub"] == str(phone.account.trader_id)
    assert claims["aud"] == shop.client_id
    assert claims["acr"] == "urn:tripcord:acr:medium"
    assert claims["amr"] == ["mfa", "otp", "pop"]
    assert 0 <= claims["iat"] - claims["auth_time"] < 30
    assert claims["exp"] - claims["iat"] == 300
    assert await shop.poll(asked) == (400, "invalid_grant")
    # The access token is a client's own, for ten minutes and no trader's.
    assert await rows.fetchval(
        "SELECT count(*) FROM client_token WHERE platform_id = $1", UUID(shop.client_id)
    )
    stored = await rows.fetchval(
        "SELECT string_agg(c::text, ' ') FROM ciba_request c WHERE trader_id = $1",
        phone.account.trader_id,
    )
    assert asked.auth_req_id.reveal() not in stored


async def test_the_token_response_has_the_shape_that_libraries_expect(
    shop: Shop, phone: Phone
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    await approve(phone)
    answer = await shop.redeem(asked.auth_req_id.reveal())
    body = answer.json()
    assert body.keys() == {
        "access_token", "token_type", "expires_in", "scope", "id_token", "authorization_details",
    }  # fmt: skip
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "openid")
    assert answer.headers["cache-control"] == "no-store"
    told = jwt.decode(body["id_token"], options={"verify_signature": False})
    assert told["authorization_details"] == body["authorization_details"]


async def test_without_details_a_person_is_asked_whether_it_is_them(
    shop: Shop, phone: Phone
) -> None:
    asked = await asked_by(shop, phone, binding_message="Help desk 4711")
    prompt = await approve(phone)
    assert json.loads(prompt.approval.action)["description"] == "openid"
    approved = await do(shop.ciba.fetch, asked)
    assert approved is not None
    assert approved.details["kind"] == "other"


@pytest.mark.parametrize("decision", [Decision.DENY, Decision.FRAUD])
async def test_a_no_is_access_denied_for_good(decision: Decision, shop: Shop, phone: Phone) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    await approve(phone, decision)
    for _ in range(2):
        assert await shop.poll(asked) == (400, "access_denied")


async def test_a_request_out_of_time_is_an_expired_token_whatever_was_said(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    gone = datetime.now(UTC) - timedelta(seconds=1)
    waiting = await asked_by(shop, phone, details=TRANSFER)
    await set_state(rows, waiting, expires_at=gone)
    assert await shop.poll(waiting) == (400, "expired_token")
    await let_a_day_pass(rows, phone)
    late = await asked_by(shop, phone, details=TRANSFER | {"reference": "T-2"})
    await approve(phone)
    await set_state(rows, late, expires_at=gone)
    assert await shop.poll(late) == (400, "expired_token")


async def test_polls_that_come_too_fast_are_slowed_by_five_seconds_each(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    approval_id = await set_state(rows, asked)

    async def interval() -> int:
        found: int = await rows.fetchval(
            "SELECT interval_seconds FROM ciba_request WHERE approval_id = $1", approval_id
        )
        return found

    async def let_pass(seconds: float) -> None:
        await rows.execute(
            "UPDATE ciba_request SET polled_at = polled_at - make_interval(secs => $2)"
            " WHERE approval_id = $1",
            *(approval_id, seconds),
        )

    assert await shop.poll(asked) == (400, "authorization_pending")
    assert await shop.poll(asked) == (400, "slow_down")
    assert await interval() == 10
    await let_pass(5)
    assert await shop.poll(asked) == (400, "slow_down")
    assert await interval() == 15
    await let_pass(15)
    assert await shop.poll(asked) == (400, "authorization_pending")
    assert await interval() == 15
    together = await asyncio.gather(*(shop.poll(asked) for _ in range(8)))
    assert set(together) == {(400, "slow_down")}
    assert await interval() == 15 + 8 * 5
    await approve(phone)
    assert (await shop.poll(asked))[0] == 200  # what is there is not held back


async def test_an_auth_req_id_is_good_for_its_own_client_alone(
    shop: Shop, phone: Phone, api: Api, rows: asyncpg.Connection
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    thief = await shop_of(api, rows)
    assert await thief.poll(asked) == (400, "invalid_grant")
    await approve(phone)
    assert await thief.poll(asked) == (400, "invalid_grant")
    assert (await shop.poll(asked))[0] == 200


async def test_another_secret_for_the_same_request_is_no_auth_req_id(
    shop: Shop, phone: Phone
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    found = token.parse(asked.auth_req_id.reveal())
    await approve(phone)
    guesses = [
        token.mint(TokenKind.REQUEST, found.trader_id, found.token_id).reveal(),
        token.mint(TokenKind.REQUEST, uuid4(), uuid4()).reveal(),
        token.mint(TokenKind.CLIENT, found.trader_id, found.token_id).reveal(),
        asked.auth_req_id.reveal()[:-1],
        "x",
    ]
    for guess in guesses:
        refused(await shop.redeem(guess), 400, "invalid_grant")
    form = {"grant_type": GRANT_TYPE}
    refused(await shop.post("/oauth/token", form), 400, "invalid_request")
    assert (await shop.poll(asked))[0] == 200


async def test_64_redeemers_on_two_nodes_get_one_answer(
    shop: Shop, phone: Phone, second: str, rows: asyncpg.Connection
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    await approve(phone)
    text = asked.auth_req_id.reveal()
    answers = await asyncio.gather(
        *(shop.redeem(text, url=second if n % 2 else None) for n in range(64))
    )
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert len(won) == 1, [answer.text for answer in answers]
    # A line of four per trader and process: who stands behind it is told to come again.
    told = {(a.status_code, a.json().get("error", a.json().get("title"))) for a in lost}
    assert told <= {(400, "invalid_grant"), (429, "trader busy"), (503, "overloaded")}
    consumed = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE trader_id = $1 AND outcome = 'ok'"
        " AND event = 'approval.redeemed'",
        phone.account.trader_id,
    )
    assert consumed == 1


async def test_what_is_revoked_between_the_yes_and_the_fetch_is_not_given(
    shop: Shop, phone: Phone
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    await approve(phone)
    await do(phone.pull_the_cord)
    assert await shop.poll(asked) == (400, "access_denied")
    again = await shop.begin(login_hint=str(phone.account.trader_id))
    refused(again, 403, "access_denied")


async def test_with_a_proof_the_token_is_bound_and_a_stranger_hears_nothing_of_the_proof(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    asked, key, path = await asked_by(shop, phone, details=TRANSFER), KeyPair.p256(), "/oauth/token"
    await approve(phone)
    form = {"grant_type": GRANT_TYPE, "auth_req_id": asked.auth_req_id.reveal()}
    stranger = await shop.post(path, form | {"client_assertion": "x"}, dpop="x")
    refused(stranger, 401, "invalid_client")
    answer = await shop.post(path, form, dpop=key.dpop_proof("POST", shop.api.origin + path))
    assert answer.json()["token_type"] == "DPoP"
    kept = await rows.fetchval(
        "SELECT jkt FROM client_token WHERE token_id = $1",
        token.parse(answer.json()["access_token"]).token_id,
    )
    assert kept == key.jkt
