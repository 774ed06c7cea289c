"""RFC 7662: what a platform learns of a token, and of tokens that are none of its business."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.rows import (
    PlatformRow,
    TraderRow,
    add_grant,
    add_party,
    add_platform,
    add_trader,
    fence,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

INACTIVE = {"active": False}
_FRAME = {"content-type", "content-length", "cache-control"}


async def ask(caller: Caller, platform: PlatformRow, presented: Token | str) -> dict[str, Any]:
    text = presented if isinstance(presented, str) else presented.reveal()
    response = await caller.form("/oauth/introspect", {"token": text}, client=platform.token)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def entries(rows: asyncpg.Connection, platform: PlatformRow) -> list[asyncpg.Record]:
    """What the log has of this client's questions, in order."""
    found: list[asyncpg.Record] = await rows.fetch(
        "SELECT * FROM access_log WHERE event = 'token.introspected' AND token_id = $1 ORDER BY at",
        platform.token.token_id,
    )
    return found


async def test_a_living_token_is_told_in_full_to_its_own_platform(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    answer = await ask(caller, platform, trader.grant.token)
    details = answer.pop("authorization_details")
    assert details == [{"type": "bot.grant", "markets": ["BTCUSDT"]}]
    assert answer == {
        "active": True,
        "iss": ORIGIN,
        "iat": pytest.approx(time.time(), abs=60),
        "token_type": "DPoP",
        "sub": str(trader.trader_id),
        "scope": "read",
        "exp": int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()),
        "cnf": {"jkt": trader.grant.key.jkt},
        "tripcord_kind": "grant",
        "tripcord_token_id": str(trader.grant.token.token_id),
        "tripcord_path": [
            str(node)
            for node in (trader.root_id, trader.credential_id, trader.grant.token.token_id)
        ],
        "tripcord_state": "active",
    }
    for party in (trader.device, trader.session):
        answer = await ask(caller, platform, party.token)
        assert (answer["active"], answer["cnf"]) == (True, {"jkt": party.key.jkt})


async def test_what_is_not_its_own_living_token_is_inactive_and_nothing_else(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    ids = trader.trader_id, trader.root_id, trader.credential_id
    unsealed = await add_grant(rows, *ids, sealed=False)
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = await add_party(
        rows, trader.trader_id, TokenKind.SESSION, trader.root_id, expires_at=past
    )
    foreign = await add_trader(rows, await add_platform(rows))
    good = trader.device.token
    texts: list[Token | str] = [
        unsealed.token,
        expired.token,
        foreign.device.token,
        foreign.grant.token,
        trader.card,
        platform.token,
        token.mint(TokenKind.DEVICE, trader.trader_id, good.token_id),
        token.mint(TokenKind.DEVICE, trader.trader_id, new_id()),
        Token(TokenKind.SESSION, good.trader_id, new_id(), good.secret),
        good.reveal()[:-1] + ("0" if good.reveal()[-1] != "0" else "1"),
        "",
        "x",
        "tc_device_" + "0" * 93,
        "a" * 60_000,
    ]
    for level in (4, 5):
        contained = await add_party(rows, trader.trader_id, TokenKind.SESSION, trader.root_id)
        await fence(rows, trader.trader_id, contained.token.token_id, level)
        texts.append(contained.token)
    frames = set()
    for text in texts:
        asked = {"token": text if isinstance(text, str) else text.reveal()}
        response = await caller.form("/oauth/introspect", asked, client=platform.token)
        assert (response.status_code, response.content) == (200, b'{"active":false}')
        assert response.headers.keys() >= _FRAME
        frames.add(tuple(sorted(response.headers.items())))
    assert len(frames) == 1
    response = await caller.form("/oauth/introspect", {}, client=platform.token)
    assert response.status_code in {200, 400}


@pytest.mark.parametrize(
    ("level", "state"),
    [(1, "reduce_only"), (2, "cancel_only"), (3, "read_only"), (4, None), (5, None)],
)
async def test_a_contained_token_says_its_rung_and_a_frozen_or_revoked_one_is_inactive(
    level: int,
    state: str | None,
    caller: Caller,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    await fence(rows, trader.trader_id, trader.credential_id, level)
    answer = await ask(caller, platform, trader.grant.token)
    assert answer.get("tripcord_state") == state
    assert answer["active"] is (state is not None)
    if state is None:
        assert answer == INACTIVE
    assert (await ask(caller, platform, trader.device.token))["active"]


async def test_a_question_is_in_the_log_before_its_answer_leaves(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    await ask(caller, platform, trader.grant.token)
    (told,) = await entries(rows, platform)
    assert (told["trader_id"], told["subject_id"]) == (
        trader.trader_id,
        trader.grant.token.token_id,
    )
    assert (told["actor"], told["rule"]) == (f"platform:{platform.platform_id}", "active")
    await fence(rows, trader.trader_id, trader.root_id, 5)
    await ask(caller, platform, trader.grant.token)
    assert [entry["rule"] for entry in await entries(rows, platform)] == ["active", "inactive"]


async def test_a_question_about_anothers_token_leaves_nothing_in_that_traders_log(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    foreign = await add_trader(rows, await add_platform(rows))
    await ask(caller, platform, foreign.device.token)
    (told,) = await entries(rows, platform)
    assert told["trader_id"].int == 0
    theirs = "SELECT count(*) FROM access_log WHERE trader_id = $1"
    assert await rows.fetchval(theirs, foreign.trader_id) == 0


async def test_a_platform_never_meets_another_platforms_trader(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    theirs = await add_trader(rows, await add_platform(rows))
    for path in ("/v1/traders/{}", "/v1/traders/{}/exchange-credentials"):
        answers = [
            await caller.call("GET", path.format(trader_id), client=platform.token)
            for trader_id in (theirs.trader_id, new_id())
        ]
        for answer in answers:
            refused(answer, 404, "trader_not_found")
        assert answers[0].content == answers[1].content


async def test_the_log_holds_no_secret_half_of_any_token(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    await ask(caller, platform, trader.grant.token)
    await ask(caller, platform, trader.card)
    await caller.call("GET", "/v1/devices", by=trader.device)
    await caller.call("POST", "/v1/revocation-cards/redeem", body={"card": "tc_card_x"})
    dump = str(await rows.fetch("SELECT access_log::text FROM access_log"))
    for secret in (trader.grant.token, trader.card, trader.device.token, platform.token):
        text = secret.reveal()
        assert text not in dump
        assert text[-49:] not in dump
        assert secret.secret.reveal().hex() not in dump
