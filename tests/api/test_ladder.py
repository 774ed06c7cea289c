"""The ladder over HTTP: down with one factor, up only by asking, and who holds what."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.core.ids import new_id
from app.guardrails.rungs import ALLOWED, Rung, Verb, ladder_markdown
from app.verbs import wire
from scripts.clients.encoding import b64url_decode
from scripts.clients.render import render
from tests.api.caller import Caller, refused
from tests.api.conftest import Start
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader, counts, fence
from tests.api.signer import StandInSigner
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOWN = ["reduce_only", "cancel_only", "read_only", "frozen"]


def state_of(node: UUID) -> str:
    return f"/v1/tokens/{node}/state"


async def tighten(caller: Caller, trader: TraderRow, node: UUID, state: str) -> httpx.Response:
    body = {"state": state, "reason": "because"}
    return await caller.call("PATCH", state_of(node), by=trader.device, body=body)


async def test_the_documentation_shows_the_whole_table(caller: Caller) -> None:
    schema = (await caller.call("GET", "/schema/openapi.json")).json()
    description = schema["paths"]["/v1/tokens/{token_id}/state"]["patch"]["description"]
    assert ladder_markdown() in description
    rows = [line for line in ladder_markdown().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(Verb)
    cells = [[cell.strip() for cell in row.strip("|").split("|")][1:] for row in rows]
    shown = {rung: sum(row[place] == "yes" for row in cells) for place, rung in enumerate(Rung)}
    assert shown == {rung: len(ALLOWED[rung]) for rung in Rung}


@pytest.mark.parametrize("state", DOWN)
async def test_a_step_down_holds_the_whole_branch_and_says_who_holds_it(
    state: str, caller: Caller, trader: TraderRow
) -> None:
    answer = await tighten(caller, trader, trader.credential_id, state)
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    orders = await caller.call("GET", "/v1/orders", by=trader.grant)
    assert orders.status_code == (403 if state == "frozen" else 200)
    for reader in (trader.device, trader.session):
        view = (await caller.call("GET", state_of(trader.grant.token.token_id), by=reader)).json()
        assert (view["state"], len(view["fences"])) == (state, 1)
        assert view["allowed"] == [v.value for v in Verb if v in ALLOWED[Rung(state)]]
        held = view["fences"][0]
        assert (held["imposed_by"], held["reason"], held["state"]) == ("trader", "because", state)
        assert held["token_id"] == str(trader.credential_id)
        assert held["position"] == answer.json()["position"]
    own = (await caller.call("GET", state_of(trader.root_id), by=trader.device)).json()
    assert (own["state"], own["fences"]) == ("active", [])


async def test_going_up_is_refused_with_the_way_to_ask_and_changes_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await tighten(caller, trader, trader.credential_id, "read_only")
    before = await counts(rows)
    for state in ("active", "reduce_only", "cancel_only"):
        response = await tighten(caller, trader, trader.credential_id, state)
        refused(response, 403, "loosening_needs_approval")
        assert "state/lift" in response.json()["detail"]
    refused(
        await tighten(caller, trader, trader.root_id, "active"), 403, "loosening_needs_approval"
    )
    assert await counts(rows) == before
    assert (await tighten(caller, trader, trader.credential_id, "frozen")).status_code == 200


async def test_an_operators_fence_is_shown_and_a_milder_one_of_ones_own_stands_beside_it(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.credential_id, 3)
    answer = (await tighten(caller, trader, trader.credential_id, "reduce_only")).json()
    assert answer["state"] == "read_only"  # what is effective, not what was asked
    view = (await caller.call("GET", state_of(trader.credential_id), by=trader.device)).json()
    assert [(f["imposed_by"], f["state"]) for f in view["fences"]] == [
        ("operator", "read_only"), ("trader", "reduce_only"),
    ]  # fmt: skip


async def test_the_last_step_down_answers_with_a_receipt(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    answer = await tighten(caller, trader, trader.credential_id, "revoked")
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    path = f"/v1/revocations/{answer.json()['revocation_id']}"
    headers = {"Tripcord-Receipt": answer.headers["Tripcord-Receipt"]}
    shown = await caller.call("GET", path, headers=headers)
    assert shown.json()["position"] == answer.json()["position"]
    reason = "SELECT reason FROM revocation WHERE trader_id = $1"
    assert await rows.fetchval(reason, trader.trader_id) == "because"
    refused(await ask_lift(caller, trader, trader.credential_id), 403, "containment_forbids")


async def ask_lift(
    caller: Caller, trader: TraderRow, node: UUID, to: str = "active"
) -> httpx.Response:
    path = f"{state_of(node)}/lift"
    return await caller.call("POST", path, by=trader.device, body={"state": to})


async def test_what_is_not_there_and_what_is_anothers_are_one_answer(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    answers = set()
    for node in (other.credential_id, new_id()):
        for response in (
            await tighten(caller, trader, node, "frozen"),
            await ask_lift(caller, trader, node),
            await caller.call("GET", state_of(node), by=trader.device),
            await caller.call("GET", f"/v1/tokens/{node}/blast-radius", by=trader.device),
        ):
            refused(response, 404, "token_not_found")
            answers.add(response.content)
    assert len(answers) == 1


@pytest.mark.parametrize(
    "body",
    [
        {}, {"state": "frozen"}, {"reason": "x"}, {"state": "FROZEN", "reason": "x"},
        {"state": "frozen", "reason": ""}, {"state": "frozen", "reason": "x" * 201},
        {"state": "frozen", "reason": "x", "level": 4}, {"state": 4, "reason": "x"},
    ],
)  # fmt: skip
async def test_a_body_that_is_not_quite_right_changes_nothing(
    body: Any, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    path = state_of(trader.credential_id)
    refused(await caller.call("PATCH", path, by=trader.device, body=body), 400, "malformed")
    assert await counts(rows) == before


async def test_a_step_down_works_with_the_signer_gone_and_every_other_connection_taken(
    start: Start, fresh_database: FreshDatabase
) -> None:
    rows, blocker = [await asyncpg.connect(fresh_database.dsn()) for _ in range(2)]
    trader = await add_trader(rows, await add_platform(rows))
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with start(fresh_database) as caller:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE device IN ACCESS EXCLUSIVE MODE")
            reads = [
                asyncio.create_task(caller.call("GET", "/v1/devices", by=trader.device))
                for _ in range(20)
            ]
            async with asyncio.timeout(5):
                while await rows.fetchval(waiting) < 16:  # noqa: ASYNC110 - other backends' doing
                    await asyncio.sleep(0.01)
            async with asyncio.timeout(1.5):
                answer = await tighten(caller, trader, trader.credential_id, "frozen")
                assert answer.status_code == 200
        await asyncio.gather(*reads)
    for connection in (rows, blocker):
        await connection.close()


async def test_what_is_asked_is_the_step_as_it_stands_and_the_phone_can_show_it(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    refused(await ask_lift(caller, trader, trader.credential_id), 409, "nothing_to_lift")
    down = (await tighten(caller, trader, trader.credential_id, "read_only")).json()
    for to in ("read_only",):
        refused(await ask_lift(caller, trader, trader.credential_id, to), 409, "nothing_to_lift")
    asked = await ask_lift(caller, trader, trader.credential_id, "reduce_only")
    assert asked.status_code == 202
    assert (asked.json()["from_state"], asked.json()["to_state"]) == ("read_only", "reduce_only")
    path = f"/v1/approvals/{asked.json()['approval_id']}"
    view = (await caller.call("GET", path, by=trader.device)).json()
    raw = b64url_decode(view["action"])
    lines = dict(render(view["template"], raw).lines)
    assert (lines["Now"], lines["Afterwards"]) == ("read_only", "reduce_only")
    assert lines["As of log entry"] == str(down["position"])
    assert view["required_strength"] == "medium"
    assert hashlib.sha256(raw).digest() == b64url_decode(view["digest"])
    stands = "SELECT level FROM fence WHERE token_id = $1"
    assert await rows.fetchval(stands, trader.credential_id) == 3


async def test_a_frozen_device_sees_its_own_request_to_be_let_go_and_nothing_else(
    caller: Caller, trader: TraderRow
) -> None:
    device_id = trader.device.token.token_id
    await tighten(caller, trader, trader.credential_id, "frozen")
    of_the_key = (await ask_lift(caller, trader, trader.credential_id)).json()["approval_id"]
    await tighten(caller, trader, device_id, "frozen")
    listed = await caller.call("GET", "/v1/approvals?wait=1", by=trader.device)
    refused(listed, 403, "containment_forbids")
    refused(await ask_lift(caller, trader, trader.credential_id), 403, "containment_forbids")
    own = (await ask_lift(caller, trader, device_id)).json()["approval_id"]
    listed = await caller.call("GET", "/v1/approvals", by=trader.device)
    assert [item["approval_id"] for item in listed.json()["items"]] == [own]
    for approval, status in ((own, 200), (of_the_key, 403), (trader.approval_id, 403)):
        answer = await caller.call("GET", f"/v1/approvals/{approval}", by=trader.device)
        assert answer.status_code == status
    missing = await caller.call("GET", f"/v1/approvals/{new_id()}", by=trader.device)
    refused(missing, 403, "containment_forbids")
    for path in ("/v1/tokens", state_of(device_id), "/v1/orders", "/v1/access-log"):
        refused(await caller.call("GET", path, by=trader.device), 403, "containment_forbids")


async def test_an_approved_lift_is_carried_out_by_the_signer_at_once(
    caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    signer.answers[wire.Decide] = wire.Decided(
        approval_id=trader.approval_id, action_type="token.lift",
        subject_id=trader.credential_id, state="approved",
    )  # fmt: skip
    path = f"/v1/approvals/{trader.approval_id}/decision"
    body = {"statement": "e30.e30.AA", "code": "123456"}
    answer = await caller.call("POST", path, by=trader.device, body=body)
    assert answer.json()["outcome"]["state"] == "active"
    relayed = signer.relayed()[-1]
    assert isinstance(relayed, wire.SealChange)
    assert (relayed.approval_id, relayed.statement) == (trader.approval_id, None)


async def test_a_heartbeat_is_relayed_as_it_was_signed(
    caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    body = {"statement": "e30.e30.AA"}
    answer = await caller.call("POST", "/v1/devices/heartbeat", by=trader.device, body=body)
    assert answer.status_code == 200
    (relayed,) = signer.relayed()
    assert (relayed.approval_id, relayed.statement) == (wire.NO_APPROVAL, "e30.e30.AA")
    assert relayed.approval_id == wire.NO_APPROVAL
    assert relayed.origin.device_id == trader.device.token.token_id
