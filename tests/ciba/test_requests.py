"""Requests: whom a hint names, what may be asked, and each error of the standard by its cause."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import jwt
import pytest
import pytest_asyncio

from app.core import token
from scripts.clients.approvals import Decision
from scripts.clients.ciba import NotWhatWasAsked
from scripts.clients.http import Api
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from tests.ciba.conftest import Shop, do, phone_of, shop_of
from tests.ciba.parts import TRANSFER, approve, asked_by, let_a_day_pass, refused, set_state

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_acr_values_raise_what_is_needed_and_never_lower_it(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    phr, medium = "urn:tripcord:acr:phishing_resistant", "urn:tripcord:acr:medium"
    for number, (values, needed) in enumerate(
        (
            (phr, "phishing_resistant"),
            (f"{phr} {medium}", "medium"),
            ("urn:tripcord:acr:out_of_band", "medium"),
            ("0", "medium"),
            ("", "medium"),
        )
    ):
        details = TRANSFER | {"reference": f"A-{number}"}
        asked = await asked_by(shop, phone, details=details, acr_values=values)
        approval_id = await set_state(rows, asked)
        strength = await rows.fetchval(
            "SELECT required_strength FROM approval WHERE approval_id = $1", approval_id
        )
        assert strength == needed, values
        await approve(phone, Decision.DENY)
        await let_a_day_pass(rows, phone)


async def test_an_id_token_of_ours_is_a_hint_and_nothing_else_is(
    shop: Shop, phone: Phone, api: Api, rows: asyncpg.Connection
) -> None:
    asked = await asked_by(shop, phone, details=TRANSFER)
    await approve(phone)
    id_token = (await shop.redeem(asked.auth_req_id.reveal())).json()["id_token"]
    await let_a_day_pass(rows, phone)
    answer = await shop.begin(
        id_token_hint=id_token, authorization_details=json.dumps([TRANSFER | {"reference": "2"}])
    )
    assert answer.status_code == 200, answer.text
    # Signed by the same key, about the same person, for the same client, and no ID token.
    await approve(phone)
    statement = await do(
        shop.platform.redeem,
        trader_id=phone.account.trader_id,
        approval_id=token.parse(answer.json()["auth_req_id"]).token_id,
    )
    with pytest.raises(NotWhatWasAsked):
        await do(shop.ciba._verified, statement)
    await let_a_day_pass(rows, phone)
    stranger = await shop_of(api, rows)
    refused(await stranger.begin(id_token_hint=id_token), 400, "unknown_user_id")
    # Even where the trader is the other platform's by now, the token was not given to it.
    mine = (phone.account.trader_id, UUID(shop.client_id))
    move = "UPDATE trader SET platform_id = $2 WHERE trader_id = $1"
    await rows.execute(move, mine[0], UUID(stranger.client_id))
    refused(await stranger.begin(id_token_hint=id_token), 400, "unknown_user_id")
    await rows.execute(move, *mine)
    for forged in (statement, id_token[:-4] + "AAAA", "x", jwt.encode({"sub": "x"}, "k" * 32)):
        refused(await shop.begin(id_token_hint=forged), 400, "unknown_user_id")


async def test_a_hint_that_the_platform_signed_is_one_while_it_is_fresh(
    shop: Shop, phone: Phone
) -> None:
    now = int(datetime.now(UTC).timestamp())
    subject = {"format": "iss_sub", "iss": shop.api.origin, "sub": str(phone.account.trader_id)}
    good = {"iss": shop.client_id, "aud": shop.api.origin, "exp": now + 60, "sub_id": subject}

    def hint(key: KeyPair = shop.key, typ: str = "login-hint+jwt", **changes: Any) -> str:
        return key.statement(good | changes, typ=typ)

    taken = await shop.begin(login_hint_token=hint())
    assert taken.status_code == 200, taken.text
    old = await shop.begin(login_hint_token=hint(exp=now - 1))
    refused(old, 400, "expired_login_hint_token")
    for wrong in (
        hint(aud="https://elsewhere.example"),
        hint(sub_id={"format": "opaque", "id": "x"}),
        hint(sub_id=subject | {"iss": "https://elsewhere.example"}),
        hint(sub_id=subject | {"sub": str(uuid4())}),
        hint(iss=str(uuid4())),
        hint(typ="JWT"),
        hint(key=KeyPair.p256()),
        "x",
    ):
        refused(await shop.begin(login_hint_token=wrong), 400, "unknown_user_id")


async def test_a_trader_of_another_platform_is_unknown(
    phone: Phone, api: Api, rows: asyncpg.Connection
) -> None:
    other = await shop_of(api, rows)
    before = await rows.fetchval("SELECT count(*) FROM approval")
    for hint in (str(phone.account.trader_id), str(uuid4()), "x", str(uuid4()).upper(), "%00"):
        refused(await other.begin(login_hint=hint), 400, "unknown_user_id")
    assert await rows.fetchval("SELECT count(*) FROM approval") == before


async def test_a_client_that_no_operator_let_is_unauthorized(
    api: Api, rows: asyncpg.Connection, phone: Phone
) -> None:
    closed = await shop_of(api, rows, delivery=None)
    answer = await closed.begin(login_hint=str(phone.account.trader_id))
    refused(answer, 400, "unauthorized_client")
    refused(await closed.redeem("x"), 400, "unauthorized_client")


async def test_a_trader_without_a_phone_yet_is_not_asked(shop: Shop) -> None:
    invitation = await do(shop.platform.create_trader)
    answer = await shop.begin(login_hint=str(invitation.trader_id))
    refused(answer, 403, "access_denied")


WRONG: list[tuple[str, dict[str, str], int, str]] = [
    ("no scope", {"scope": ""}, 400, "invalid_scope"),
    ("no openid", {"scope": "profile"}, 400, "invalid_scope"),
    ("a scope more", {"scope": "openid email"}, 400, "invalid_scope"),
    ("no hint", {"login_hint": ""}, 400, "invalid_request"),
    ("two hints", {"id_token_hint": "x"}, 400, "invalid_request"),
    ("three hints", {"id_token_hint": "x", "login_hint_token": "y"}, 400, "invalid_request"),
    ("a signed request", {"request": "e30.e30.AA"}, 400, "invalid_request"),
    ("no expiry", {"requested_expiry": "0"}, 400, "invalid_request"),
    ("a negative expiry", {"requested_expiry": "-5"}, 400, "invalid_request"),
    ("half an expiry", {"requested_expiry": "1.5"}, 400, "invalid_request"),
    ("an expiry with a line", {"requested_expiry": "60\n"}, 400, "invalid_request"),
    ("a long message", {"binding_message": "x" * 129}, 400, "invalid_binding_message"),
    ("an empty message", {"binding_message": ""}, 400, "invalid_binding_message"),
    ("a message of spaces", {"binding_message": "  "}, 400, "invalid_binding_message"),
    ("two lines", {"binding_message": "a\nb"}, 400, "invalid_binding_message"),
    ("bidi", {"binding_message": "pay \u202e054"}, 400, "invalid_binding_message"),
    ("zero width", {"binding_message": "pay\u200b 1"}, 400, "invalid_binding_message"),
    ("no JSON", {"authorization_details": "{"}, 400, "invalid_authorization_details"),
    ("no array", {"authorization_details": "{}"}, 400, "invalid_authorization_details"),
    ("an empty array", {"authorization_details": "[]"}, 400, "invalid_authorization_details"),
    ("a number", {"authorization_details": "[1]"}, 400, "invalid_authorization_details"),
    ("two objects", {"authorization_details": json.dumps([TRANSFER, TRANSFER])}, 400,
     "invalid_authorization_details"),
    ("no type", {"authorization_details": "[{}]"}, 400, "invalid_authorization_details"),
    ("a type of ours", {"authorization_details": json.dumps([TRANSFER | {"type": "trade.order"}])},
     400, "invalid_authorization_details"),
    ("a field more", {"authorization_details": json.dumps([TRANSFER | {"more": 1}])}, 400,
     "invalid_authorization_details"),
    ("a field that is ours", {"authorization_details": json.dumps(
        [TRANSFER | {"trader_id": str(uuid4())}])}, 400, "invalid_authorization_details"),
    ("a field twice", {"authorization_details":
        json.dumps([TRANSFER])[:-2] + ',"reference":"other"}]'}, 400,
     "invalid_authorization_details"),
]  # fmt: skip


@pytest.mark.parametrize(("_", "changes", "status", "error"), WRONG, ids=[row[0] for row in WRONG])
async def test_what_is_wrong_is_named_in_the_words_of_the_standard(
    _: str, changes: dict[str, str], status: int, error: str,
    standing: tuple[Shop, str], rows: asyncpg.Connection,
) -> None:  # fmt: skip
    shop, hint = standing
    before = await rows.fetchval("SELECT count(*) FROM approval")
    refused(await shop.begin(**({"login_hint": hint} | changes)), status, error)
    assert await rows.fetchval("SELECT count(*) FROM approval") == before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(origin: str, rows: asyncpg.Connection) -> AsyncIterator[tuple[Shop, str]]:
    """One trader for all the wrong requests: none of them reaches it."""
    with Api(origin) as api:
        shop = await shop_of(api, rows)
        phone = await phone_of(shop)
        yield shop, str(phone.account.trader_id)
        phone.close()


async def test_a_client_that_does_not_prove_itself_is_invalid(shop: Shop, phone: Phone) -> None:
    hint = str(phone.account.trader_id)
    for proof in (
        {"client_assertion": "x"},
        {"client_assertion_type": "x"},
        {"client_assertion": KeyPair.p256().client_assertion(
            client_id=shop.client_id, audience=shop.api.origin)},
        {"client_assertion": shop.key.client_assertion(
            client_id=shop.client_id, audience="https://elsewhere.example")},
    ):  # fmt: skip
        refused(await shop.begin(login_hint=hint, **proof), 401, "invalid_client")
    spent = shop.proof("/oauth/bc-authorize")
    assert (await shop.begin(login_hint=hint, **spent)).status_code == 200
    refused(await shop.begin(login_hint=hint, **spent), 401, "invalid_client")


async def test_an_expiry_is_granted_up_to_ten_minutes(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    short = await asked_by(shop, phone, details=TRANSFER, requested_expiry=30)
    assert short.expires_in == 30
    await approve(phone, Decision.DENY)
    await let_a_day_pass(rows, phone)
    other = TRANSFER | {"reference": "long", "kind": "payment"}
    long = await asked_by(shop, phone, details=other, requested_expiry=86_400)
    assert long.expires_in == 600


async def test_who_has_an_open_question_is_told_access_denied(shop: Shop, phone: Phone) -> None:
    await asked_by(shop, phone, details=TRANSFER)
    hint = str(phone.account.trader_id)
    refused(await shop.begin(login_hint=hint), 403, "access_denied")
