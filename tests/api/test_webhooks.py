"""/v1/webhooks and the issuer's /.well-known: what a platform may do, and only with its own."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.rows import PlatformRow, add_platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://platform.example/tripcord"


@pytest.fixture(autouse=True)
def _no_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """None runs here, so nobody waits for its word."""
    monkeypatch.setattr("app.api.webhooks._PUBLISHED_SECONDS", 0.0)


async def create(caller: Caller, platform: PlatformRow, **changes: Any) -> dict[str, Any]:
    response = await caller.call(
        "POST", "/v1/webhooks", client=platform.token, body={"url": URL} | changes
    )
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def test_a_webhook_is_made_read_changed_and_deleted(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    made = await create(caller, platform)
    assert made["events"] == ["credential-change", "session-revoked"]
    assert (made["state"], made["url"]) == ("active", URL)
    assert made["keys"] == [made["keys"][0] | {"version": 1, "public_key": None}]
    target = f"/v1/webhooks/{made['webhook_id']}"
    await rows.execute(
        "UPDATE webhook_key SET public_key = $2 WHERE webhook_id = $1",
        *(UUID(made["webhook_id"]), bytes(32)),
    )
    read = (await caller.call("GET", target, client=platform.token)).json()
    assert read["keys"][0]["public_key"] == "whpk_" + "A" * 43 + "="
    page = (await caller.call("GET", "/v1/webhooks", client=platform.token)).json()
    assert page["items"] == [read]
    changed = await caller.call(
        "PATCH", target, client=platform.token,
        body={"state": "paused", "events": ["session-revoked"]},
    )  # fmt: skip
    assert (changed.json()["state"], changed.json()["events"]) == ("paused", ["session-revoked"])
    assert (await caller.call("DELETE", target, client=platform.token)).status_code == 204
    refused(await caller.call("GET", target, client=platform.token), 404, "webhook_not_found")
    told = await rows.fetch(
        "SELECT event FROM access_log WHERE subject_id = $1 AND event LIKE 'webhook.%'"
        " ORDER BY position",
        UUID(made["webhook_id"]),
    )
    assert [row["event"] for row in told] == [
        "webhook.created",
        "webhook.changed",
        "webhook.deleted",
    ]


async def test_another_platforms_webhook_and_none_at_all_are_one_answer(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    made = await create(caller, platform)
    stranger = await add_platform(rows)
    for webhook in (made["webhook_id"], str(new_id())):
        for method, tail, body in (
            ("GET", "", None), ("PATCH", "", {"state": "paused"}), ("DELETE", "", None),
            ("POST", "/rotate-secret", {}), ("POST", "/test", None),
        ):  # fmt: skip
            response = await caller.call(
                method, f"/v1/webhooks/{webhook}{tail}", client=stranger.token, body=body
            )
            refused(response, 404, "webhook_not_found")
    page = (await caller.call("GET", "/v1/webhooks", client=stranger.token)).json()
    assert page == {"items": []}
    # Nothing was logged as done that was not.
    count = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE subject_id = $1", UUID(made["webhook_id"])
    )
    assert count == 1


@pytest.mark.parametrize(
    "url", ["http://platform.example/", "https://127.0.0.1/", "http://127.0.0.1/",
            "https://localhost/", "https://u@platform.example/", "https://169.254.169.254/"]
)  # fmt: skip
async def test_an_address_that_leads_inward_is_not_registered(
    caller: Caller, platform: PlatformRow, url: str
) -> None:
    response = await caller.call("POST", "/v1/webhooks", client=platform.token, body={"url": url})
    refused(response, 422, "webhook_url_refused")


@pytest.mark.parametrize(
    "body",
    [{}, {"url": URL, "events": []}, {"url": URL, "events": ["everything"]}, {"url": URL, "x": 1},
     {"url": 1}],
)  # fmt: skip
async def test_a_bad_form_is_refused(
    caller: Caller, platform: PlatformRow, body: dict[str, Any]
) -> None:
    response = await caller.call("POST", "/v1/webhooks", client=platform.token, body=body)
    refused(response, 400, "malformed")


async def test_ten_are_enough(caller: Caller, platform: PlatformRow) -> None:
    for _ in range(10):
        await create(caller, platform)
    response = await caller.call("POST", "/v1/webhooks", client=platform.token, body={"url": URL})
    refused(response, 409, "too_many_webhooks")


async def test_a_rotation_keeps_the_old_key_for_the_overlap(
    caller: Caller, platform: PlatformRow
) -> None:
    made = await create(caller, platform)
    target = f"/v1/webhooks/{made['webhook_id']}/rotate-secret"
    rotated = (await caller.call("POST", target, client=platform.token, body={})).json()
    assert [key["version"] for key in rotated["keys"]] == [2, 1]
    assert rotated["keys"][0]["retires_at"] is None
    ends = datetime.fromisoformat(rotated["keys"][1]["retires_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=1)
    again = await caller.call("POST", target, client=platform.token, body={})
    refused(again, 409, "rotation_under_way")
    now = await caller.call("POST", target, client=platform.token, body={"overlap_seconds": 0})
    assert [key["version"] for key in now.json()["keys"]] == [3]
    long = await caller.call(
        "POST", target, client=platform.token, body={"overlap_seconds": 8 * 86_400}
    )
    refused(long, 400, "malformed")


async def test_a_test_is_queued_once_and_only_for_an_active_webhook(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    made = await create(caller, platform)
    target = f"/v1/webhooks/{made['webhook_id']}"
    asked = await caller.call("POST", f"{target}/test", client=platform.token)
    assert asked.status_code == 202
    queued = await rows.fetchrow(
        "SELECT * FROM outbox WHERE message_id = $1", UUID(asked.json()["message_id"])
    )
    assert (queued["channel"], str(queued["target_id"])) == ("webhook", made["webhook_id"])
    again = await caller.call("POST", f"{target}/test", client=platform.token)
    refused(again, 409, "webhook_not_active")


async def test_a_disabled_webhook_says_why_and_is_taken_up_again(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    made = await create(caller, platform)
    await rows.execute(
        "SELECT disable_webhook($1, $2, 'unreachable: 500')",
        *(platform.platform_id, UUID(made["webhook_id"])),
    )
    target = f"/v1/webhooks/{made['webhook_id']}"
    read = (await caller.call("GET", target, client=platform.token)).json()
    assert (read["state"], read["disabled_reason"]) == ("disabled", "unreachable: 500")
    assert read["disabled_at"]
    events = {"events": ["session-revoked"]}
    refused(
        await caller.call("PATCH", target, client=platform.token, body=events),
        409,
        "webhook_not_active",
    )
    up = await caller.call("PATCH", target, client=platform.token, body={"state": "active"})
    assert (up.json()["state"], up.json()["disabled_at"]) == ("active", None)


async def test_anybody_finds_the_issuers_key_and_what_it_transmits(caller: Caller) -> None:
    keys = await caller.call("GET", "/.well-known/jwks.json")
    [key] = keys.json()["keys"]
    assert key == {
        "e": "AQAB", "kty": "RSA", "n": "AQ", "kid": "stand-in", "alg": "RS256", "use": "sig",
    }  # fmt: skip
    assert keys.headers["cache-control"] == "public, max-age=300"
    metadata = (await caller.call("GET", "/.well-known/ssf-configuration")).json()
    assert metadata["issuer"] == ORIGIN
    assert metadata["jwks_uri"] == f"{ORIGIN}/.well-known/jwks.json"
    assert metadata["delivery_methods_supported"] == ["urn:ietf:rfc:8935"]
