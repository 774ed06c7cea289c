"""Pulling the cord (P1, P7): with everything else down, by device and by card."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.conftest import Start
from tests.api.pulls import PULLS, Pull, break_glass, redeem
from tests.api.routes import new_card, new_grant
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader, approve, counts
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


@PULLS
async def test_the_cord_needs_no_signer_courier_or_dispatcher_and_ends_every_credential(
    pull: Pull, start: Start, module_database: FreshDatabase, rows: asyncpg.Connection
) -> None:
    platform = await add_platform(rows)
    trader = await add_trader(rows, platform)
    async with start(module_database) as caller:
        response = await pull(caller, trader)
        assert response.status_code == 200, response.text
        receipt = response.json()
        assert (receipt["token_id"], receipt["level"]) == (str(trader.root_id), "revoked")
        for party in trader.parties:
            for path in ("/v1/orders", "/v1/balances"):
                refused(await caller.call("GET", path, by=party), 401, "token_rejected")
            answer = await caller.form(
                "/oauth/introspect", {"token": party.token.reveal()}, client=platform.token
            )
            assert answer.json() == {"active": False}
        refused(await break_glass(caller, trader), 401, "token_rejected")
        body = new_grant(trader)
        response = await caller.call("POST", "/v1/tokens", client=platform.token, body=body)
        refused(response, 409, "parent_not_active")


@PULLS
async def test_one_pull_is_one_fence_one_entry_and_one_job(
    pull: Pull, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    receipt = (await pull(caller, trader)).json()
    after = await counts(rows)
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changed == {"fence": 1, "revocation": 1}
    entry = await rows.fetchrow(
        "SELECT * FROM access_log WHERE trader_id = $1 AND event = 'token.revoked'",
        trader.trader_id,
    )
    assert (entry["position"], str(entry["subject_id"])) == (
        receipt["position"],
        receipt["revocation_id"],
    )
    assert entry["actor"].startswith("card:" if pull is redeem else "device:")


async def test_a_branch_is_cut_and_the_rest_of_the_tree_lives(
    caller: Caller, trader: TraderRow
) -> None:
    target = f"/v1/tokens/{trader.credential_id}"
    assert (await caller.call("DELETE", target, by=trader.device)).status_code == 200
    refused(await caller.call("GET", "/v1/orders", by=trader.grant), 401, "token_rejected")
    tree = (await caller.call("GET", "/v1/tokens", by=trader.device)).json()["items"]
    states = {node["token_id"]: node["state"] for node in tree}
    assert states == {
        str(trader.root_id): "active",
        str(trader.device.token.token_id): "active",
        str(trader.session.token.token_id): "active",
        str(trader.platform.token.token_id): "active",
        str(trader.credential_id): "revoked",
        str(trader.grant.token.token_id): "revoked",
    }


async def test_pulling_twice_is_no_error_and_each_pull_has_its_receipt(
    caller: Caller, trader: TraderRow
) -> None:
    target = f"/v1/tokens/{trader.credential_id}"
    receipts = [await caller.call("DELETE", target, by=trader.device) for _ in range(2)]
    assert [receipt.status_code for receipt in receipts] == [200, 200]
    cards = [await redeem(caller, trader) for _ in range(2)]
    assert [card.status_code for card in cards] == [200, 200]
    capabilities = {r.headers["Tripcord-Receipt"] for r in (*receipts, *cards)}
    assert len(capabilities) == 4


async def test_a_card_that_is_not_exactly_right_revokes_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    text = trader.card.reveal()
    for card in (
        text[:-1],
        text.lower(),
        text + "0",
        " " + text,
        text.replace("tc_card_", "tc_receipt_"),
        trader.device.token.reveal(),
        token.mint(TokenKind.CARD, trader.trader_id, trader.card.token_id).reveal(),
        token.mint(TokenKind.CARD, trader.trader_id, new_id()).reveal(),
        token.mint(TokenKind.CARD, new_id(), trader.card.token_id).reveal(),
    ):
        response = await caller.call("POST", "/v1/revocation-cards/redeem", body={"card": card})
        refused(response, 401, "card_rejected")
    assert await counts(rows) == before


async def test_a_card_is_registered_once_and_only_as_the_hash_of_its_secret(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    body = new_card(trader)
    response = await caller.call("POST", "/v1/revocation-cards", by=trader.device, body=body)
    assert (response.status_code, response.json()) == (201, {"card_id": body["card_id"]})
    again = await caller.call("POST", "/v1/revocation-cards", by=trader.device, body=body)
    refused(again, 409, "card_taken")
    other = await add_trader(rows, platform)
    response = await caller.call("POST", "/v1/revocation-cards", by=other.device, body=body)
    assert response.status_code == 201  # ids are a trader's own: nobody can take another's
    for bad in ("A" * 42, "A" * 44, "+" * 43, "A" * 42 + "B"):
        stray = {**body, "card_id": str(new_id()), "secret_sha256": bad}
        response = await caller.call("POST", "/v1/revocation-cards", by=trader.device, body=stray)
        refused(response, 400, "malformed")


@pytest.mark.parametrize("mode", ["cancel_entries", "cancel_all", None])
async def test_the_clean_up_mode_is_a_choice_of_two_with_a_careful_default(
    mode: str | None, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    for bad in ("CANCEL_ALL", "none", "", 1, None):
        response = await caller.call(
            "POST", "/v1/break-glass", by=trader.device, body={"mode": bad}
        )
        refused(response, 400, "malformed")
    body = {} if mode is None else {"mode": mode}
    response = await caller.call("POST", "/v1/break-glass", by=trader.device, body=body)
    stored = await rows.fetchval(
        "SELECT mode FROM revocation WHERE trader_id = $1", trader.trader_id
    )
    assert (response.status_code, stored) == (200, mode or "cancel_entries")


async def test_the_cord_works_when_every_other_connection_is_taken(
    start: Start, fresh_database: FreshDatabase
) -> None:
    rows, blocker = [await asyncpg.connect(fresh_database.dsn()) for _ in range(2)]
    platform = await add_platform(rows)
    traders = [await add_trader(rows, platform) for _ in range(2)]
    async with start(fresh_database) as caller:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE device IN ACCESS EXCLUSIVE MODE")
            reads = [
                asyncio.create_task(caller.call("GET", "/v1/devices", by=traders[0].device))
                for _ in range(20)
            ]
            await _until_waiting(rows, 16)
            for pull, trader in ((break_glass, traders[0]), (redeem, traders[1])):
                async with asyncio.timeout(1.5):
                    assert (await pull(caller, trader)).status_code == 200
        answers = await asyncio.gather(*reads)
    assert {answer.status_code for answer in answers} <= {200, 401, 503}
    for connection in (rows, blocker):
        await connection.close()


async def _until_waiting(rows: asyncpg.Connection, expected: int) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(5):
        while await rows.fetchval(waiting) < expected:  # noqa: ASYNC110 - other backends' doing
            await asyncio.sleep(0.01)


async def test_a_sign_in_that_began_before_the_pull_ends_nowhere(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    key = KeyPair.p256()

    async def ask(path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"DPoP": key.dpop_proof("POST", ORIGIN + path)}
        return await caller.call("POST", path, headers=headers, body=body)

    own = {"trader_id": str(trader.trader_id)}
    begun = (await ask("/v1/sessions", {**own, "public_jwk": key.public_jwk})).json()
    await rows.execute(
        "UPDATE session SET code_verified_at = now(), code_factor_id = $2, code_mac = $3"
        " WHERE trader_id = $1",
        *(trader.trader_id, new_id(), bytes(32)),
    )
    await approve(rows, trader, UUID(begun["approval_id"]))
    await break_glass(caller, trader)
    response = await ask(f"/v1/sessions/{begun['session_id']}/proof", own)
    refused(response, 409, "parent_not_active")
    assert "session_token" not in response.json()
