"""A receipt reads its own revocation, and of the log what stood under the node that was cut."""

import hashlib
from typing import Any

import asyncpg
import httpx
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from scripts.clients.encoding import b64url, b64url_decode
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.routes import new_card, new_grant
from tests.api.rows import PlatformRow, TraderRow, add_trader
from tests.api.streams import happen

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def cut(caller: Caller, trader: TraderRow, node: Any) -> tuple[str, str]:
    """(revocation id, receipt) of a revoke of one node."""
    response = await caller.call("DELETE", f"/v1/tokens/{node}", by=trader.device)
    assert response.status_code == 200
    return response.json()["revocation_id"], response.headers["Tripcord-Receipt"]


async def show(caller: Caller, target: str, receipt: str) -> httpx.Response:
    return await caller.call("GET", target, headers={"Tripcord-Receipt": receipt})


async def a_busy_day(caller: Caller, trader: TraderRow, platform: PlatformRow) -> None:
    """An entry under the device, one under the credential, and one that has no path."""
    body = new_card(trader)
    await caller.call("POST", "/v1/revocation-cards", by=trader.device, body=body)
    await caller.call("POST", "/v1/tokens", client=platform.token, body=new_grant(trader))
    key = KeyPair.p256()
    sign_in = {"trader_id": str(trader.trader_id), "public_jwk": key.public_jwk}
    headers = {"DPoP": key.dpop_proof("POST", f"{ORIGIN}/v1/sessions"), "User-Agent": "browser"}
    await caller.call("POST", "/v1/sessions", headers=headers, body=sign_in)


async def test_a_receipt_shows_its_revocation(caller: Caller, trader: TraderRow) -> None:
    revocation_id, receipt = await cut(caller, trader, trader.credential_id)
    response = await show(caller, f"/v1/revocations/{revocation_id}", receipt)
    assert response.status_code == 200
    view = response.json()
    assert view["counts"] == {
        "tokens": 2,
        "orders_slipped": 0,
        "orders_kept": 0,
        "cleanup_pending": 0,
        "cleanup_done": 0,
        "cleanup_unsupported": 0,
        "cleanup_unconfirmed": 0,
    }
    assert (view["token_id"], view["cleanup_state"]) == (str(trader.credential_id), "pending")
    assert receipt not in response.text


async def test_a_receipt_shows_no_other_revocation(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    first, own = await cut(caller, trader, trader.grant.token.token_id)
    second, _ = await cut(caller, trader, trader.credential_id)
    foreign, _ = await cut(caller, other, other.credential_id)
    assert (await show(caller, f"/v1/revocations/{first}", own)).status_code == 200
    for target in (second, foreign, new_id()):
        refused(await show(caller, f"/v1/revocations/{target}", own), 401, "receipt_rejected")


async def test_what_is_almost_a_receipt_shows_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    revocation_id, receipt = await cut(caller, trader, trader.credential_id)
    named = token.parse(receipt)
    strays = (
        "",
        "x",
        receipt[:-1],
        receipt + "0",
        receipt.replace("tc_receipt_", "tc_device_"),
        trader.device.token.reveal(),
        trader.card.reveal(),
        token.mint(TokenKind.RECEIPT, trader.trader_id, named.token_id).reveal(),
        token.mint(TokenKind.RECEIPT, trader.trader_id, new_id()).reveal(),
        token.mint(TokenKind.RECEIPT, new_id(), named.token_id).reveal(),
    )
    targets = (f"/v1/revocations/{revocation_id}", "/v1/access-log", "/v1/access-log/checkpoints")
    for target in targets:
        for stray in strays:
            refused(await show(caller, target, stray), 401, "receipt_rejected")
    await rows.execute(
        "UPDATE revocation SET receipt_expires_at = now() - interval '1 second'"
        " WHERE trader_id = $1",
        trader.trader_id,
    )
    for target in targets:
        refused(await show(caller, target, receipt), 401, "receipt_rejected")


async def test_a_receipt_reads_and_does_nothing_else(caller: Caller, trader: TraderRow) -> None:
    _, receipt = await cut(caller, trader, trader.credential_id)
    for method, path in (
        ("GET", "/v1/devices"),
        ("GET", "/v1/tokens"),
        ("DELETE", f"/v1/tokens/{trader.root_id}"),
        ("GET", f"/v1/approvals/{trader.approval_id}"),
    ):
        headers = {"Tripcord-Receipt": receipt}
        refused(await caller.call(method, path, headers=headers), 401, "token_missing")


async def read_log(caller: Caller, receipt: str) -> list[dict[str, Any]]:
    response = await show(caller, "/v1/access-log", receipt)
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def test_a_receipt_shows_the_entries_of_its_subtree_and_of_the_others_only_hashes(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    await a_busy_day(caller, trader, platform)
    _, receipt = await cut(caller, trader, trader.credential_id)
    items = await read_log(caller, receipt)
    told = [item.get("event") for item in items]
    assert told == [None, "grant.requested", None, "token.revoked"]
    hashes = {"position", "previous_hash", "content_hash", "entry_hash"}
    assert all(item.keys() == hashes for item in items if "event" not in item)
    assert "browser" not in str(items)


async def test_the_chain_that_a_receipt_shows_holds_together(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    await a_busy_day(caller, trader, platform)
    _, receipt = await cut(caller, trader, trader.credential_id)
    previous = bytes(32)
    for number, item in enumerate(await read_log(caller, receipt), start=1):
        content = b64url_decode(item["content_hash"])
        assert item["position"] == number
        assert item["previous_hash"] == b64url(previous)
        previous = hashlib.sha256(previous + content).digest()
        assert item["entry_hash"] == b64url(previous)


async def test_the_receipt_of_the_root_and_its_device_see_everything(
    caller: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    await a_busy_day(caller, trader, platform)
    log = (await caller.call("GET", "/v1/access-log", by=trader.device)).json()["items"]
    response = await caller.call("POST", "/v1/break-glass", by=trader.device, body={})
    items = await read_log(caller, response.headers["Tripcord-Receipt"])
    assert items[: len(log)] == log
    assert [item["event"] for item in items] == [
        "card.registered",
        "grant.requested",
        "session.requested",
        "token.revoked",
    ]


async def test_the_receipt_of_a_root_tells_nothing_without_a_node_of_later_times(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    pulled = await caller.call("POST", "/v1/break-glass", by=trader.device, body={})
    await happen(rows, trader.trader_id, "session.requested")
    await rows.execute(
        "UPDATE revocation SET cleanup_deadline_at = clock_timestamp() WHERE trader_id = $1",
        trader.trader_id,
    )
    await happen(rows, trader.trader_id, "session.requested")
    items = await read_log(caller, pulled.headers["Tripcord-Receipt"])
    assert items[-2]["event"] == "session.requested"
    assert "event" not in items[-1]


async def test_every_look_at_a_receipt_is_in_the_log(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    revocation_id, receipt = await cut(caller, trader, trader.credential_id)
    await show(caller, f"/v1/revocations/{revocation_id}", receipt)
    await read_log(caller, receipt)
    told = await rows.fetch(
        "SELECT event FROM access_log WHERE trader_id = $1 AND actor = $2 ORDER BY at",
        *(trader.trader_id, f"receipt:{revocation_id}"),
    )
    assert [entry["event"] for entry in told] == ["revocation.read", "log.read"]


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "٣", "9" * 19, "1%00", "0x1", " 1"])
async def test_a_place_in_the_log_is_a_plain_number(
    cursor: str, caller: Caller, trader: TraderRow
) -> None:
    response = await caller.call("GET", f"/v1/access-log?cursor={cursor}", by=trader.device)
    refused(response, 400, "malformed")


async def test_without_a_checkpoint_yet_the_log_says_so(caller: Caller, trader: TraderRow) -> None:
    response = await caller.call("GET", "/v1/access-log/checkpoints", by=trader.device)
    refused(response, 404, "checkpoint_not_found")
