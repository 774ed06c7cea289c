"""Nodes as their readers see them; secrets that change; tokens found in public."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from app.verbs import wire
from scripts.clients.encoding import b64url, canonical_json
from scripts.clients.keys import KeyPair
from tests.api.caller import Caller, Party, refused
from tests.api.rows import PlatformRow, TraderRow, add_platform_token, add_trader, fence
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def kinds_seen(caller: Caller, party: Party, query: str = "") -> list[str]:
    response = await caller.call("GET", f"/v1/tokens{query}", by=party)
    assert response.status_code == 200, response.text
    return sorted(item["kind"] for item in response.json()["items"])


async def test_each_reader_sees_his_part_of_the_tree(caller: Caller, trader: TraderRow) -> None:
    everything = ["credential", "device", "grant", "platform", "session", "trader"]
    assert await kinds_seen(caller, trader.device) == everything
    assert await kinds_seen(caller, trader.session) == everything
    assert await kinds_seen(caller, trader.grant) == ["grant"]
    work = ["credential", "grant", "platform", "trader"]
    assert await kinds_seen(caller, trader.platform) == work
    assert await kinds_seen(caller, trader.device, "?kind=grant") == ["grant"]
    under = f"?under={trader.credential_id}"
    assert await kinds_seen(caller, trader.device, under) == ["credential", "grant"]
    assert await kinds_seen(caller, trader.device, f"{under}&kind=device") == []


async def test_what_one_may_not_see_is_nowhere(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    device = trader.device.token.token_id
    hidden = {
        "another's": (trader.device, other.credential_id),
        "nobody's": (trader.device, new_id()),
        "above a bot": (trader.grant, trader.credential_id),
        "beside a bot": (trader.grant, device),
        "a phone, to a platform": (trader.platform, device),
    }
    answers = set()
    for party, node in hidden.values():
        for target in (f"/v1/tokens/{node}", f"/v1/tokens?under={node}"):
            response = await caller.call("GET", target, by=party)
            refused(response, 404, "token_not_found")
            answers.add(response.content)
    assert len(answers) == 1


async def test_a_node_shows_state_fences_limits_and_an_etag_of_them(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    target = f"/v1/tokens/{trader.grant.token.token_id}"
    before = await caller.call("GET", target, by=trader.grant)
    assert before.json()["state"] == "active"
    assert before.json()["limits"]["ip_networks"] is None
    assert (await caller.call("GET", target, by=trader.device)).headers["etag"] == before.headers[
        "etag"
    ]
    await rows.execute(
        "UPDATE token SET networks = '{127.0.0.0/8}', version = 2 WHERE token_id = $1",
        trader.credential_id,
    )
    await fence(rows, trader.trader_id, trader.grant.token.token_id, 3)
    after = await caller.call("GET", target, by=trader.grant)
    assert after.json()["state"] == "read_only"
    assert [f["state"] for f in after.json()["fences"]] == ["read_only"]
    assert after.json()["limits"]["ip_networks"] == ["127.0.0.0/8"]
    assert after.json()["ip_networks"] == []
    assert after.headers["etag"] != before.headers["etag"]


def narrowing(node: Any) -> dict[str, Any]:
    claims = b64url(canonical_json({"domain": "tripcord/narrow/v1", "token_id": str(node)}))
    return {"statement": f"e30.{claims}.AA"}


async def test_a_narrowing_goes_to_the_signer_if_the_etag_still_holds(
    caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    node = trader.grant.token.token_id
    target = f"/v1/tokens/{node}"
    tag = (await caller.call("GET", target, by=trader.device)).headers["etag"]
    send: dict[str, Any] = {"by": trader.device, "body": narrowing(node)}
    stale = await caller.call("PATCH", f"{target}/limits", headers={"If-Match": '"x"'}, **send)
    refused(stale, 412, "precondition_failed")
    assert signer.relayed() == []
    done = await caller.call("PATCH", f"{target}/limits", headers={"If-Match": tag}, **send)
    assert done.status_code == 200
    (asked,) = signer.relayed()
    assert isinstance(asked, wire.SealChange)
    assert (asked.statement, asked.approval_id.int) == (narrowing(node)["statement"], 0)


async def test_a_statement_about_another_node_than_the_addressed_one_is_not_relayed(
    caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    target = f"/v1/tokens/{trader.credential_id}/limits"
    response = await caller.call("PATCH", target, by=trader.device, body=narrowing(new_id()))
    assert refused(response, 400, "malformed")["rule"] == "token_id"
    assert signer.relayed() == []


# --- platform tokens ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"token_id": str(new_id())},
        {"trader_id": str(new_id())},
        {"root_id": str(new_id())},
        {"platform_id": str(new_id())},
        {"jkt": "A" * 43},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"domain": "tripcord/narrow/v1"},
        {"more": 1},
    ],
)
async def test_a_seal_of_something_else_is_no_token(
    changes: dict[str, Any], caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    ids = trader.trader_id, trader.root_id, await platform_of(rows, trader)
    party = await add_platform_token(rows, *ids, **changes)
    refused(await caller.call("GET", "/v1/tokens", by=party), 401, "token_rejected")


async def test_a_row_that_says_more_gives_a_platform_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    """Somebody who writes rows widens scope, key and end; the seal is what counts."""
    ids = trader.trader_id, trader.root_id, await platform_of(rows, trader)
    party = await add_platform_token(rows, *ids, scope=["approvals.read"])
    await rows.execute(
        "UPDATE token SET scope = '{tree.read,grants.request}', expires_at = 'infinity'"
        " WHERE token_id = $1",
        party.token.token_id,
    )
    response = await caller.call("GET", "/v1/tokens", by=party)
    assert refused(response, 403, "insufficient_scope")["rule"] == "tree.read"
    thief = KeyPair.p256()
    await rows.execute(
        "UPDATE token SET jkt = $2 WHERE token_id = $1", party.token.token_id, thief.jkt
    )
    stolen = Party(key=thief, token=party.token)
    response = await caller.call("GET", f"/v1/approvals/{trader.approval_id}", by=stolen)
    refused(response, 401, "token_rejected")
    forged = KeyPair.p256().statement({"scope": ["tree.read"]}, typ="tripcord-token-seal+jws")
    await rows.execute(
        "UPDATE platform_token SET statement = $2 WHERE token_id = $1",
        *(trader.platform.token.token_id, forged),
    )
    refused(await caller.call("GET", "/v1/tokens", by=trader.platform), 401, "token_rejected")


async def platform_of(rows: asyncpg.Connection, trader: TraderRow) -> Any:
    return await rows.fetchval(
        "SELECT platform_id FROM trader WHERE trader_id = $1", trader.trader_id
    )


async def test_a_platform_token_is_asked_for_by_the_client_and_dead_until_approved(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    key = KeyPair.p256()
    body = {
        "kind": "platform",
        "trader_id": str(trader.trader_id),
        "public_jwk": key.public_jwk,
        "label": "reports",
        "scope": ["tree.read"],
    }
    response = await caller.call("POST", "/v1/tokens", client=platform.token, body=body)
    assert response.status_code == 201, response.text
    asked = response.json()
    bearer = token.parse(asked["token"], TokenKind.PLATFORM)
    party = Party(key=key, token=bearer)
    refused(await caller.call("GET", "/v1/tokens", by=party), 401, "token_rejected")
    read = await caller.call("GET", f"/v1/approvals/{asked['approval_id']}", by=trader.platform)
    assert read.json()["template"] == "token_child/1"
    for wider, field in (
        ({"scope": ["tree.read", "root"]}, "scope"),
        ({"expires_at": "2101-01-01T00:00:00Z"}, "expires_at"),
    ):
        response = await caller.call("POST", "/v1/tokens", client=platform.token, body=body | wider)
        assert refused(response, 403, "wider_than_parent")["rule"] == field
    refused(
        await caller.call("POST", "/v1/tokens", by=trader.platform, body=body),
        401,
        "token_rejected",
    )


# --- rotation ----------------------------------------------------------------------------------


async def rotate(caller: Caller, party: Party, by: Party | None = None) -> Party:
    target = f"/v1/tokens/{party.token.token_id}/rotate"
    response = await caller.call("POST", target, by=by or party)
    assert response.status_code == 200, response.text
    return Party(key=party.key, token=token.parse(response.json()["token"]))


async def lives(caller: Caller, party: Party) -> bool:
    response = await caller.call("GET", f"/v1/tokens/{party.token.token_id}", by=party)
    if response.status_code != 200:
        refused(response, 401, "token_rejected")
    return response.status_code == 200


@pytest.mark.parametrize("kind", ["device", "session", "grant", "platform"])
async def test_the_old_secret_dies_with_the_first_use_of_a_new_one(
    kind: str, caller: Caller, trader: TraderRow
) -> None:
    old: Party = getattr(trader, kind)
    # Two answers, as when the first one got lost: both are good, and so is the old one.
    lost, new = await rotate(caller, old), await rotate(caller, old)
    assert await lives(caller, old)
    assert len({p.token.secret.reveal() for p in (old, lost, new)}) == 3
    assert await lives(caller, new)
    assert not await lives(caller, old)
    assert not await lives(caller, lost)
    assert await lives(caller, new)


async def test_the_answer_that_seemed_lost_is_as_good_as_the_next(
    caller: Caller, trader: TraderRow
) -> None:
    first, second = (await asyncio.gather(*(rotate(caller, trader.device) for _ in range(2))))[:2]
    assert await lives(caller, first)
    assert not await lives(caller, second)
    assert not await lives(caller, trader.device)


async def test_after_the_overlap_the_old_secret_is_dead_and_the_new_one_is_not(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    new = await rotate(caller, trader.device)
    await rows.execute(
        "UPDATE token_rotation SET old_dies_at = now() - $2::interval WHERE token_id = $1",
        *(trader.device.token.token_id, timedelta(seconds=1)),
    )
    assert not await lives(caller, trader.device)
    assert await lives(caller, new)


async def test_a_new_secret_is_worth_nothing_without_the_old_key(
    caller: Caller, trader: TraderRow
) -> None:
    new = await rotate(caller, trader.device)
    assert not await lives(caller, Party(key=KeyPair.p256(), token=new.token))
    assert await lives(caller, trader.device)  # and the thief's try did not end the old one
    assert await lives(caller, new)


async def test_a_device_rotates_for_its_tree_and_nobody_else_for_another(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    new = await rotate(caller, trader.grant, by=trader.device)
    assert await lives(caller, new)
    other = await add_trader(rows, platform)
    for party, node in (
        (trader.session, trader.device.token.token_id),
        (new, trader.session.token.token_id),
        (trader.device, other.device.token.token_id),
        (trader.device, trader.credential_id),
        (trader.device, new_id()),
    ):
        response = await caller.call("POST", f"/v1/tokens/{node}/rotate", by=party)
        refused(response, 404, "token_not_found")


@pytest.mark.parametrize("level", [1, 4, 5])
async def test_nothing_rotates_under_a_fence(
    level: int, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.credential_id, level)
    target = f"/v1/tokens/{trader.grant.token.token_id}/rotate"
    refused(await caller.call("POST", target, by=trader.device), 409, "parent_not_active")
    response = await caller.call("POST", target, by=trader.grant)
    assert response.status_code == (401 if level == 5 else 403)
