"""POST /v1/approvals: by a platform, of its own traders, about the types there are."""

import json
from typing import Any

import asyncpg
import pytest

from app.accesslog.models import SYSTEM_TRADER
from tests.api.caller import Caller, refused
from tests.api.routes import new_approval, new_grant
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader, counts
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")


def bearer(platform: PlatformRow) -> dict[str, str]:
    return {"Authorization": f"Bearer {platform.token.reveal()}"}


async def post(caller: Caller, platform: PlatformRow, trader: TraderRow, **changes: Any) -> Any:
    return await caller.call(
        "POST", "/v1/approvals", body=new_approval(trader) | changes, headers=bearer(platform)
    )


async def test_a_platform_asks_and_looks_and_takes_back(
    caller: Caller, platform: PlatformRow, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    asked = await post(caller, platform, trader, requested_expiry=30)
    assert asked.status_code == 201
    approval_id, query = asked.json()["approval_id"], f"?trader_id={trader.trader_id}"
    row = await rows.fetchrow("SELECT * FROM approval WHERE approval_id = $1", approval_id)
    assert (row["expires_at"] - row["created_at"]).total_seconds() == 30
    path = f"/v1/approvals/{approval_id}"
    seen = await caller.call("GET", path + query, headers=bearer(platform))
    assert (seen.json()["state"], seen.json()["template"]) == ("pending", "external/1")
    by_token = await caller.call("GET", path, headers=trader.platform.headers("GET", path))
    assert by_token.json()["approval_id"] == approval_id
    body = {"trader_id": str(trader.trader_id)}
    ended = await caller.call("POST", f"{path}/cancel", body=body, headers=bearer(platform))
    assert ended.json()["state"] == "cancelled"
    assert (await caller.call("GET", path + query, headers=bearer(platform))).json()["state"] == (
        "cancelled"
    )
    again = await caller.call("POST", f"{path}/cancel", body=body, headers=bearer(platform))
    refused(again, 409, "approval_not_pending")
    told = await rows.fetch(
        "SELECT event FROM access_log WHERE trader_id = $1 AND subject_id = $2 ORDER BY at",
        *(trader.trader_id, row["approval_id"]),
    )
    events = [entry["event"] for entry in told]
    assert events[0] == "approval.requested"
    assert "approval.cancelled" in events
    assert events.count("approvals.read") == 3


async def test_an_open_question_is_429_with_the_time_to_come_back(
    caller: Caller, platform: PlatformRow, trader: TraderRow
) -> None:
    assert (await post(caller, platform, trader)).status_code == 201
    response = await post(caller, platform, trader)
    refused(response, 429, "prompt_open")
    assert 0 < int(response.headers["retry-after"]) <= 120


@pytest.mark.parametrize(
    "details",
    [
        [],
        [{"type": "trade.external"}] * 2,
        [{"type": "trade.order"}],
        [{"type": "trade.external", "kind": "payment", "reference": "r"}],
        ["trade.external"],
        {"type": "trade.external"},
        [{"type": 7}],
        [[]],
    ],
)
async def test_what_is_not_one_known_action_is_refused_and_nothing_is_asked(
    caller: Caller, platform: PlatformRow, trader: TraderRow, rows: asyncpg.Connection, details: Any
) -> None:
    before = await counts(rows)
    response = await post(caller, platform, trader, authorization_details=details)
    assert response.status_code in {400, 422}
    assert response.json()["type"].rpartition(":")[2] in {
        "malformed", "invalid_authorization_details",
    }  # fmt: skip
    assert await counts(rows) == before


async def test_another_platform_neither_asks_nor_sees_nor_ends(
    caller: Caller, platform: PlatformRow, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    stranger = await add_platform(rows)
    refused(await post(caller, stranger, trader), 404, "trader_not_found")
    approval_id = (await post(caller, platform, trader)).json()["approval_id"]
    own = await add_trader(rows, stranger)
    for trader_id in (trader.trader_id, own.trader_id):
        path, body = f"/v1/approvals/{approval_id}", {"trader_id": str(trader_id)}
        seen = await caller.call("GET", f"{path}?trader_id={trader_id}", headers=bearer(stranger))
        assert seen.status_code == 404
        ended = await caller.call("POST", f"{path}/cancel", body=body, headers=bearer(stranger))
        assert ended.status_code == 404
    state = "SELECT state FROM approval WHERE approval_id = $1"
    assert await rows.fetchval(state, approval_id) == "pending"


async def test_a_platform_does_not_see_what_others_asked_of_its_own_trader(
    caller: Caller, platform: PlatformRow, trader: TraderRow
) -> None:
    path = f"/v1/approvals/{trader.approval_id}?trader_id={trader.trader_id}"
    response = await caller.call("GET", path, headers=bearer(platform))
    refused(response, 404, "approval_not_found")


async def test_what_it_says_of_its_user_is_in_the_signed_bytes_of_each_thing_it_asks(
    caller: Caller, platform: PlatformRow, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    context = {"address": "203.0.113.9", "user_agent": "Mozilla", "place": "Graz"}
    body = new_grant(trader) | {"context": context}
    granted = await caller.call("POST", "/v1/tokens", body=body, headers=bearer(platform))
    assert granted.status_code == 201, granted.text
    raw = await rows.fetchval(
        "SELECT action FROM approval WHERE approval_id = $1", granted.json()["approval_id"]
    )
    claimed = json.loads(raw)["claimed"]
    assert claimed == context | {"by": "a platform", "message": None}


async def test_a_bot_and_a_device_claim_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    context = {"context": {"place": "here"}}
    path = f"/v1/tokens/{trader.credential_id}/ip-networks"
    body = {"ip_networks": ["127.0.0.0/8"]} | context
    response = await caller.call(
        "POST", path, body=body, headers=trader.device.headers("POST", path)
    )
    refused(response, 400, "malformed")
    assert await counts(rows) == before


async def test_redeeming_names_the_platform_that_asks(
    caller: Caller, platform: PlatformRow, trader: TraderRow, signer: StandInSigner
) -> None:
    path, body = f"/v1/approvals/{trader.approval_id}/redeem", {"trader_id": str(trader.trader_id)}
    response = await caller.call("POST", path, body=body, headers=bearer(platform))
    assert response.json()["statement"] == "e30.e30.AA"
    (asked,) = signer.relayed()
    assert (asked.platform_id, asked.trader_id) == (platform.platform_id, trader.trader_id)
    assert asked.trader_id != SYSTEM_TRADER


async def test_the_types_are_published_with_their_schemas(caller: Caller) -> None:
    page = (await caller.call("GET", "/v1/action-types")).json()
    types = {item["type"]: item for item in page["items"]}
    assert types["trade.external"]["external"] is True
    assert [name for name, item in types.items() if item["external"]] == ["trade.external"]
    schema = types["trade.external"]["json_schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["type"] == {"enum": ["trade.external"]}
