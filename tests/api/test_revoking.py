"""RFC 7009: a platform ends what it was given, and is told nothing else."""

import time
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from tests.api.assertions import claims, header
from tests.api.assertions import form as assertion_form
from tests.api.caller import ORIGIN, Caller, jws, refused_by_oauth
from tests.api.rows import (
    PlatformRow,
    TraderRow,
    add_client_token,
    add_grant,
    add_party,
    add_platform,
    add_trader,
    counts,
    fence,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/oauth/revoke"


async def level_of(rows: asyncpg.Connection, trader: TraderRow, presented: Token) -> int:
    level: int = await rows.fetchval(
        "SELECT effective_level(trader_id, path) FROM token WHERE trader_id = $1 AND token_id = $2",
        *(trader.trader_id, presented.token_id),
    )
    return level


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "never heard of", ""])
async def test_a_grant_ends_with_everything_under_it_before_the_answer(
    hint: str | None,
    caller: Caller,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    below = await add_party(rows, trader.trader_id, TokenKind.GRANT, trader.grant.token.token_id)
    fields = {"token": trader.grant.token.reveal()}
    if hint is not None:
        fields["token_type_hint"] = hint
    response = await caller.form(PATH, fields, client=platform.token)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"
    assert "tripcord-receipt" not in response.headers
    assert await level_of(rows, trader, trader.grant.token) == 5
    assert await level_of(rows, trader, below.token) == 5
    assert await level_of(rows, trader, trader.device.token) == 0
    told = await rows.fetchrow(
        "SELECT actor, token_id FROM access_log WHERE trader_id = $1 AND event = 'token.revoked'",
        trader.trader_id,
    )
    assert told is not None
    assert tuple(told) == (f"platform:{platform.platform_id}", trader.grant.token.token_id)


async def test_ending_it_again_changes_nothing(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    fields = {"token": trader.grant.token.reveal()}
    await caller.form(PATH, fields, client=platform.token)
    before = await counts(rows)
    assert (await caller.form(PATH, fields, client=platform.token)).status_code == 200
    assert await counts(rows) == before


async def test_a_grant_nobody_approved_yet_is_the_platforms_to_end(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    ids = trader.trader_id, trader.root_id, trader.credential_id
    unsealed = await add_grant(rows, *ids, sealed=False)
    await caller.form(PATH, {"token": unsealed.token.reveal()}, client=platform.token)
    assert await level_of(rows, trader, unsealed.token) == 5


async def test_tightening_goes_on_below_a_frozen_root(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.root_id, 4)
    await caller.form(PATH, {"token": trader.grant.token.reveal()}, client=platform.token)
    assert await level_of(rows, trader, trader.grant.token) == 5


async def test_what_is_unknown_foreign_or_no_token_is_a_200_and_changes_nothing(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    foreign, other = await add_platform(rows), trader.grant.token
    theirs = await add_trader(rows, foreign)
    texts: list[str | Token] = [
        theirs.grant.token,
        foreign.token,
        token.mint(TokenKind.GRANT, trader.trader_id, other.token_id),
        token.mint(TokenKind.GRANT, trader.trader_id, new_id()),
        token.mint(TokenKind.CLIENT, platform.platform_id, platform.token.token_id),
        trader.card,
        token.mint(TokenKind.RECEIPT, trader.trader_id, new_id()),
        token.mint(TokenKind.ENROL, trader.trader_id, new_id()),
        "x",
        other.reveal()[:-1],
        "tc_device_" + "0" * 93,
        "a" * 60_000,
    ]
    before = await counts(rows)
    for text in texts:
        fields = {"token": text if isinstance(text, str) else text.reveal()}
        response = await caller.form(PATH, fields, client=platform.token)
        assert (response.status_code, response.content) == (200, b""), text
    assert await counts(rows) == before
    misses = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE actor = $1 AND rule = 'nothing_to_revoke'",
        f"platform:{platform.platform_id}",
    )
    assert misses == len(texts)
    assert await level_of(rows, theirs, theirs.grant.token) == 0


async def test_a_traders_device_or_session_is_never_a_platforms_to_end(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    for party in (trader.device, trader.session):
        unknown = token.mint(party.token.kind, trader.trader_id, new_id())
        for presented in (party.token, unknown):
            fields = {"token": presented.reveal()}
            response = await caller.form(PATH, fields, client=platform.token)
            refused_by_oauth(response, 400, "unsupported_token_type")
    assert await counts(rows) == before


async def test_a_platform_ends_its_own_access_token(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    second = token.mint(TokenKind.CLIENT, platform.platform_id, new_id())
    await add_client_token(rows, second, datetime.now(UTC) + timedelta(minutes=5))
    await caller.form(PATH, {"token": second.reveal()}, client=platform.token)
    response = await caller.form("/oauth/introspect", {"token": "x"}, client=second)
    refused_by_oauth(response, 401, "invalid_client")
    await caller.form(PATH, {"token": platform.token.reveal()}, client=platform.token)
    response = await caller.form(PATH, {"token": "x"}, client=platform.token)
    refused_by_oauth(response, 401, "invalid_client")
    ended = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE event = 'client.token_ended' AND actor = $1",
        f"platform:{platform.platform_id}",
    )
    assert ended == 2


async def test_an_assertion_authenticates_a_revocation_once(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    made = claims(platform, aud=ORIGIN + PATH, exp=int(time.time()) + 60)
    assertion = jws(header(platform), made, platform.key)
    form = assertion_form(assertion) | {"token": trader.grant.token.reveal()}
    form.pop("grant_type")
    assert (await caller.form(PATH, form)).status_code == 200
    assert await level_of(rows, trader, trader.grant.token) == 5
    refused_by_oauth(await caller.form(PATH, form), 401, "invalid_client")


async def test_a_form_without_a_token_or_a_caller_is_refused(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    for fields in ({}, {"token": ""}, {"token_type_hint": "access_token"}):
        response = await caller.form(PATH, fields, client=platform.token)
        refused_by_oauth(response, 400, "invalid_request")
    fields = {"token": trader.grant.token.reveal()}
    refused_by_oauth(await caller.form(PATH, fields), 401, "invalid_client")
    response = await caller.form(PATH, fields, client=trader.grant.token)
    refused_by_oauth(response, 401, "invalid_token")
