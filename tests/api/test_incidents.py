"""Not me, and lost: one tap cuts, opens one incident, and tells everybody (P7)."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.core.ids import new_id
from app.core.token import TokenKind
from app.tokens.models import Level
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, Party, refused
from tests.api.conftest import Start
from tests.api.rows import PlatformRow, TraderRow, add_party, add_platform, add_trader, approve
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def add_device(rows: asyncpg.Connection, trader: TraderRow) -> Party:
    """A second phone, with a push registration."""
    second = await add_party(rows, trader.trader_id, TokenKind.DEVICE, trader.root_id)
    await rows.execute(
        "INSERT INTO device SELECT trader_id, $2, root_id, public_jwk, 'another', now(), 1, mac"
        " FROM device WHERE trader_id = $1 LIMIT 1",
        *(trader.trader_id, second.token.token_id),
    )
    await rows.execute(
        "INSERT INTO push_registration VALUES ($1, $2, 'fcm', 'token', 'y')",
        *(trader.trader_id, second.token.token_id),
    )
    return second


async def ask(caller: Caller, key: KeyPair, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"DPoP": key.dpop_proof("POST", ORIGIN + path)}
    return await caller.call("POST", path, headers=headers, body=body)


async def begin_sign_in(caller: Caller, trader: TraderRow, key: KeyPair) -> UUID:
    body = {"trader_id": str(trader.trader_id), "public_jwk": key.public_jwk}
    return UUID((await ask(caller, key, "/v1/sessions", body)).json()["session_id"])


async def approve_sign_in(rows: asyncpg.Connection, trader: TraderRow, session_id: UUID) -> None:
    """Both halves, beneath the signer."""
    await rows.execute(
        "UPDATE session SET code_verified_at = now(), code_factor_id = $3, code_mac = $4"
        " WHERE trader_id = $1 AND session_id = $2",
        *(trader.trader_id, session_id, new_id(), bytes(32)),
    )
    await approve(
        rows,
        trader,
        await rows.fetchval(
            "SELECT approval_id FROM session WHERE trader_id = $1 AND session_id = $2",
            *(trader.trader_id, session_id),
        ),
    )


async def conclude(
    caller: Caller, trader: TraderRow, key: KeyPair, session_id: UUID
) -> httpx.Response:
    body = {"trader_id": str(trader.trader_id)}
    return await ask(caller, key, f"/v1/sessions/{session_id}/proof", body)


async def sign_in(
    caller: Caller, rows: asyncpg.Connection, trader: TraderRow
) -> tuple[UUID, KeyPair, str]:
    key = KeyPair.p256()
    session_id = await begin_sign_in(caller, trader, key)
    await approve_sign_in(rows, trader, session_id)
    answer = await conclude(caller, trader, key, session_id)
    return session_id, key, answer.json()["session_token"]


async def use(caller: Caller, key: KeyPair, text: str) -> httpx.Response:
    path = "/v1/devices"
    headers = {
        "Authorization": f"DPoP {text}",
        "DPoP": key.dpop_proof("GET", ORIGIN + path, token=text),
    }
    return await caller.call("GET", path, headers=headers)


async def test_not_me_ends_the_session_and_what_it_made_and_opens_one_incident(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    second = await add_device(rows, trader)
    session_id, key, text = await sign_in(caller, rows, trader)
    below = await add_party(rows, trader.trader_id, TokenKind.GRANT, session_id)
    assert (await use(caller, key, text)).status_code == 200
    target = f"/v1/sessions/{session_id}/not-me"
    response = await caller.call("POST", target, by=second)
    assert response.status_code == 200, response.text
    refused(await use(caller, key, text), 401, "token_rejected")
    level = "SELECT effective_level(trader_id, path) FROM token WHERE token_id = $1"
    assert await rows.fetchval(level, below.token.token_id) == Level.REVOKED
    for living in (trader.device, trader.session, second):
        assert (await caller.call("GET", "/v1/devices", by=living)).status_code == 200
    said = response.json()
    assert said["receipt"]["token_id"] == str(session_id)
    assert said["incident"]["revocation_id"] == said["receipt"]["revocation_id"]
    listed = (await caller.call("GET", "/v1/incidents", by=trader.device)).json()["items"]
    assert listed == [said["incident"]]
    # The incident names its entries: everything of that session, up to the report itself.
    entries = await rows.fetch(
        "SELECT event FROM access_log WHERE trader_id = $1 AND at >= $2 AND position <= $3"
        " AND chain = '00000000-0000-0000-0000-000000000000'"
        " AND (subject_id = $4 OR token_id = $4) ORDER BY position",
        *(
            trader.trader_id,
            datetime.fromisoformat(listed[0]["since"]),
            listed[0]["last_position"],
            session_id,
        ),
    )
    assert [entry["event"] for entry in entries] == [
        "session.requested", "session.started", "token.revoked", "session.disowned",
    ]  # fmt: skip
    topics = await rows.fetch(
        "SELECT topic FROM outbox WHERE trader_id = $1 AND device_id = $2 ORDER BY created_at",
        *(trader.trader_id, second.token.token_id),
    )
    assert [row["topic"] for row in topics] == ["login", "revoked"]
    again = await caller.call("POST", target, by=trader.device)
    assert again.status_code == 200
    assert again.json()["incident"] == said["incident"]


async def test_not_me_about_a_sign_in_that_is_under_way_lets_it_become_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    second, key = await add_device(rows, trader), KeyPair.p256()
    session_id = await begin_sign_in(caller, trader, key)
    response = await caller.call("POST", f"/v1/sessions/{session_id}/not-me", by=second)
    assert (response.status_code, response.json()["receipt"]) == (200, None)
    assert "Tripcord-Receipt" not in response.headers
    await approve_sign_in(rows, trader, session_id)
    answer = (await conclude(caller, trader, key, session_id)).json()
    assert (answer["state"], answer["session_token"]) == ("denied", None)
    topics = await rows.fetch(
        "SELECT topic FROM outbox WHERE trader_id = $1 ORDER BY created_at", trader.trader_id
    )
    assert [row["topic"] for row in topics] == ["login", "security"]


async def test_not_me_and_the_last_step_of_a_sign_in_at_once_leave_no_living_session(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    for _ in range(12):
        key = KeyPair.p256()
        session_id = await begin_sign_in(caller, trader, key)
        await approve_sign_in(rows, trader, session_id)
        answer, said = await asyncio.gather(
            conclude(caller, trader, key, session_id),
            caller.call("POST", f"/v1/sessions/{session_id}/not-me", by=trader.device),
        )
        assert said.status_code == 200
        text = answer.json().get("session_token")
        if text is not None:
            refused(await use(caller, key, text), 401, "token_rejected")
        level = await rows.fetchval(
            "SELECT effective_level($1, path) FROM token WHERE trader_id = $1 AND token_id = $2",
            *(trader.trader_id, session_id),
        )
        assert level in {None, 5}


async def test_a_lost_device_is_cut_and_marked_by_another_one_only(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    second = await add_device(rows, trader)
    own, lost = trader.device.token.token_id, second.token.token_id
    refused(
        await caller.call("POST", f"/v1/devices/{own}/lost", by=trader.device), 409, "own_device"
    )
    response = await caller.call("POST", f"/v1/devices/{lost}/lost", by=trader.device)
    assert response.status_code == 200, response.text
    assert response.json()["incident"]["kind"] == "device_lost"
    refused(await caller.call("GET", "/v1/devices", by=second), 401, "token_rejected")
    assert (await caller.call("GET", "/v1/devices", by=trader.device)).status_code == 200
    marked = await rows.fetch("SELECT * FROM lost_device WHERE trader_id = $1", trader.trader_id)
    assert [(row["device_id"], row["reported_by"]) for row in marked] == [(lost, own)]
    # What was reported cannot report back, nor again.
    refused(await caller.call("POST", f"/v1/devices/{own}/lost", by=second), 401, "token_rejected")
    again = await caller.call("POST", f"/v1/devices/{lost}/lost", by=trader.device)
    assert again.json()["incident"] == response.json()["incident"]


async def test_two_devices_that_report_each_other_at_once_leave_one(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    second = await add_device(rows, trader)
    own, other = trader.device.token.token_id, second.token.token_id
    answers = await asyncio.gather(
        caller.call("POST", f"/v1/devices/{other}/lost", by=trader.device),
        caller.call("POST", f"/v1/devices/{own}/lost", by=second),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    marked = await rows.fetchval(
        "SELECT count(*) FROM lost_device WHERE trader_id = $1", trader.trader_id
    )
    assert marked == 1


async def test_what_is_not_the_traders_is_not_found(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    session_id, key, text = await sign_in(caller, rows, other)
    for target, code in (
        (f"/v1/sessions/{session_id}/not-me", "session_not_found"),
        (f"/v1/sessions/{new_id()}/not-me", "session_not_found"),
        # A device and a bot are no sessions, a session is no device.
        (f"/v1/sessions/{trader.device.token.token_id}/not-me", "session_not_found"),
        (f"/v1/sessions/{trader.grant.token.token_id}/not-me", "session_not_found"),
        (f"/v1/devices/{other.device.token.token_id}/lost", "device_not_found"),
        (f"/v1/devices/{trader.session.token.token_id}/lost", "device_not_found"),
        (f"/v1/devices/{new_id()}/lost", "device_not_found"),
    ):
        refused(await caller.call("POST", target, by=trader.device), 404, code)
    assert (await use(caller, key, text)).status_code == 200
    fences = "SELECT count(*) FROM fence WHERE trader_id = ANY ($1)"
    assert await rows.fetchval(fences, [trader.trader_id, other.trader_id]) == 0


async def test_both_work_from_a_frozen_device_and_without_a_signer(
    start: Start, module_database: FreshDatabase, rows: asyncpg.Connection
) -> None:
    trader = await add_trader(rows, await add_platform(rows))
    async with start(module_database) as caller:
        second = await add_device(rows, trader)
        session_id, key, text = await sign_in(caller, rows, trader)
        await rows.execute(
            "INSERT INTO fence VALUES ($1, $2, 'operator', 4, 'test', now(), 1)",
            *(trader.trader_id, trader.device.token.token_id),
        )
        for target in (
            f"/v1/sessions/{session_id}/not-me", f"/v1/devices/{second.token.token_id}/lost",
        ):  # fmt: skip
            assert (await caller.call("POST", target, by=trader.device)).status_code == 200
        refused(await use(caller, key, text), 401, "token_rejected")


async def test_a_sign_in_that_nobody_is_known_to_have_approved_does_not_go_on(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    """Rows that say "approved" and "the code was right", and no decision behind them (P8)."""
    key = KeyPair.p256()
    session_id = await begin_sign_in(caller, trader, key)
    await rows.execute(
        "UPDATE session SET code_verified_at = now(), code_factor_id = $3, code_mac = $4"
        " WHERE trader_id = $1 AND session_id = $2",
        *(trader.trader_id, session_id, new_id(), bytes(32)),
    )
    await rows.execute(
        "UPDATE approval SET state = 'approved', decided_at = now()"
        " WHERE trader_id = $1 AND subject_id = $2",
        *(trader.trader_id, session_id),
    )
    answer = await conclude(caller, trader, key, session_id)
    refused(answer, 404, "session_not_found")
    assert "session_token" not in answer.json()
