"""Where two areas meet: rotated secrets, platform tokens, narrowed parents, disabled platforms."""

from typing import Any

import asyncpg
import pytest

from app.approvals.actions import BotGrant
from app.core.canonical import canonical_json
from app.core.token import TokenKind
from tests.api.caller import Caller, refused
from tests.api.rows import PlatformRow, TraderRow, add_approval, add_party
from tests.api.test_introspection import ask
from tests.api.test_token_nodes import lives, rotate

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_platform_ends_a_grant_by_a_secret_that_was_never_used(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    new = await rotate(caller, trader.grant)
    assert (await ask(caller, platform, new.token))["active"] is True
    form = {"token": new.token.reveal()}
    assert (await caller.form("/oauth/revoke", form, client=platform.token)).status_code == 200
    assert await ask(caller, platform, new.token) == {"active": False}
    assert not await lives(caller, new)
    assert not await lives(caller, trader.grant)


async def test_a_platform_asks_about_its_token_in_the_tree_and_ends_it(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    answer = await ask(caller, platform, trader.platform.token)
    assert (answer["active"], answer["tripcord_kind"]) == (True, "platform")
    form = {"token": trader.platform.token.reveal()}
    assert (await caller.form("/oauth/revoke", form, client=platform.token)).status_code == 200
    assert not await lives(caller, trader.platform)
    assert await ask(caller, platform, trader.platform.token) == {"active": False}


async def test_a_disabled_platform_is_gone_with_its_tokens_in_the_tree(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    assert (await caller.call("GET", "/v1/tokens", by=trader.platform)).status_code == 200
    disable = "UPDATE platform SET disabled_at = $2 WHERE platform_id = $1"
    await rows.execute(
        "UPDATE platform SET disabled_at = now() WHERE platform_id = $1", platform.platform_id
    )
    response = await caller.call("GET", "/v1/tokens", by=trader.platform)
    refused(response, 401, "token_rejected")
    await rows.execute(disable, platform.platform_id, None)
    assert (await caller.call("GET", "/v1/tokens", by=trader.platform)).status_code == 200


async def test_introspection_of_a_child_shows_no_more_than_its_narrowed_parent_has(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    parent = trader.grant.token.token_id
    child = await add_party(rows, trader.trader_id, TokenKind.GRANT, parent)
    approval = await add_approval(rows, trader.trader_id, child.token.token_id, state="approved")
    await rows.execute(
        "INSERT INTO bot_grant SELECT trader_id, $2::uuid, root_id, path || $2::uuid,"
        " credential_id, $3::uuid, model_jwk, $4::bytea, expires_at, granted_at, 1, mac"
        " FROM bot_grant WHERE grant_id = $1",
        parent,
        child.token.token_id,
        approval,
        limits(trader, ["BTCUSDT", "ETHUSDT"], "1000"),
    )
    await rows.execute(
        "UPDATE bot_grant SET limits = $2, version = version + 1 WHERE grant_id = $1",
        parent,
        limits(trader, ["ETHUSDT"], "10"),
    )
    (details,) = (await ask(caller, platform, child.token))["authorization_details"]
    assert details["markets"] == ["ETHUSDT"]
    assert details["max_order"] == {"amount": "10", "quote": "USDT"}
    await rows.execute(
        "UPDATE bot_grant SET limits = $2 WHERE grant_id = $1", parent, canonical_json({"x": 1})
    )
    assert await ask(caller, platform, child.token) == {"active": False}
    await rows.execute("DELETE FROM bot_grant WHERE grant_id = $1", parent)
    assert await ask(caller, platform, child.token) == {"active": False}


def limits(trader: TraderRow, markets: list[str], most: str) -> bytes:
    amount: dict[str, Any] = {"amount": most, "quote": "USDT"}
    return canonical_json(
        {
            "type": BotGrant.__struct_config__.tag,
            "trader_id": str(trader.trader_id),
            "grant_id": str(trader.grant.token.token_id),
            "credential_id": str(trader.credential_id),
            "venue": "sandbox",
            "label": "key",
            "model": {"name": "m", "digest": "sha256:0", "version": "1", "jkt": "x"},
            "model_jwk": {},
            "markets": markets,
            "allocation": amount,
            "free_limit": amount,
            "max_order": amount,
            "expires_at": "2090-01-01T00:00:00Z",
            "requested_by": "platform",
        }
    )
