"""RFC 9470: where a session is too weak or too old, its holder is told what would do."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.core.token import TokenKind
from app.tokens.models import SESSION_LIFE
from tests.api.caller import Caller, Party, refused
from tests.api.routes import DEVICE, ROWS, SESSION, Row
from tests.api.rows import PlatformRow, TraderRow, add_party, counts, fence
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOR_DEVICES = [row for row in ROWS if DEVICE in row.may and SESSION not in row.may]
FRESH_SIGN_IN = ("/v1/devices", "/v1/factors", "/v1/sessions", "/v1/tokens")
"""What tells a thief of a browser how to go on: who holds what, and where."""


@pytest.mark.parametrize("row", FOR_DEVICES, ids=lambda row: f"{row.method} {row.path}")
async def test_a_living_session_where_a_device_is_needed_is_told_so(
    row: Row,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    target = row.target(trader)
    body = None if row.body is None else row.body(trader)
    response = await caller.call(row.method, target, by=trader.session, body=body)
    refused(response, 401, "insufficient_user_authentication")
    assert response.headers["www-authenticate"] == (
        'DPoP error="insufficient_user_authentication", acr_values="urn:tripcord:acr:device"'
    )
    assert await counts(rows) == before
    assert signer.asked == []


async def test_a_session_that_is_none_is_told_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.session.token.token_id, 5)
    stranger = Party(key=trader.device.key, token=trader.session.token)
    for party in (trader.session, stranger):
        response = await caller.call("GET", "/v1/approvals", by=party)
        refused(response, 401, "token_rejected")


async def signed_in(rows: asyncpg.Connection, trader: TraderRow, ago: timedelta) -> Party:
    ends = datetime.now(UTC) + SESSION_LIFE - ago
    return await add_party(
        rows, trader.trader_id, TokenKind.SESSION, trader.root_id, expires_at=ends
    )


@pytest.mark.parametrize("path", FRESH_SIGN_IN)
async def test_an_old_sign_in_does_not_show_who_holds_what(
    path: str, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    fresh = await signed_in(rows, trader, timedelta(minutes=59))
    assert (await caller.call("GET", path, by=fresh)).status_code == 200
    old = await signed_in(rows, trader, timedelta(minutes=61))
    response = await caller.call("GET", path, by=old)
    refused(response, 401, "insufficient_user_authentication")
    assert response.headers["www-authenticate"] == (
        'DPoP error="insufficient_user_authentication", max_age=3600'
    )
    assert (await caller.call("GET", "/v1/balances", by=old)).status_code == 200
    assert (await caller.call("GET", path, by=trader.device)).status_code == 200


async def test_introspection_says_how_and_when_a_session_was_signed_in(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    session_id = trader.session.token.token_id
    await rows.execute("SET session_replication_role = replica")  # the way there needs an HSM
    await rows.execute(
        "INSERT INTO session VALUES ($1, $2, 'j', 'a', 'u', $3, now(), $2, $4, 'active', now(),"
        " now())",
        *(trader.trader_id, session_id, trader.approval_id, bytes(32)),
    )
    await rows.execute(
        "INSERT INTO decision VALUES ($1, $2, $3, $4, $5, $5, 'approve', 'totp', $2, 'e30.e30.AA',"
        " now(), 1, $5)",
        *(trader.trader_id, trader.approval_id, trader.root_id),
        *(trader.device.token.token_id, bytes(32)),
    )
    await rows.execute("SET session_replication_role = origin")
    asked = {"token": trader.session.token.reveal()}
    answer = (await caller.form("/oauth/introspect", asked, client=platform.token)).json()
    assert (answer["acr"], answer["amr"]) == ("urn:tripcord:acr:medium", ["mfa", "otp", "pop"])
    assert answer["auth_time"] == answer["iat"]
    for other in (trader.device, trader.grant):
        asked = {"token": other.token.reveal()}
        answer = (await caller.form("/oauth/introspect", asked, client=platform.token)).json()
        assert not {"acr", "amr", "auth_time"} & answer.keys()
