"""Query parameters: a wrong one is refused, a page goes on where the last one ended."""

import asyncio
import time

import asyncpg
import pytest

from app.core.ids import new_id
from app.core.token import TokenKind
from tests.api.caller import Caller, refused
from tests.api.rows import TraderRow, add_approval, add_party, fence

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/approvals?wait=26",
        "/v1/approvals?wait=-1",
        "/v1/approvals?wait=soon",
        "/v1/approvals?wait=1.5",
        "/v1/approvals?wait=",
        "/v1/approvals?cursor=x",
        "/v1/approvals?cursor=%00",
        "/v1/tokens?cursor=1",
        "/v1/tokens?cursor='; DROP TABLE token; --",
        "/v1/orders?cursor=[]",
        "/v1/orders?state=nothing",
        "/v1/orders?state=OPEN",
        "/v1/orders?state=open%0a",
        "/v1/orders?state=",
        f"/v1/orders?state={'a' * 5000}",
    ],
)
async def test_a_query_of_another_form_is_refused(
    target: str, caller: Caller, trader: TraderRow
) -> None:
    refused(await caller.call("GET", target, by=trader.device), 400, "malformed")


@pytest.mark.parametrize("state", ["open", "held", "filled", "refused"])
async def test_orders_are_asked_for_by_state(state: str, caller: Caller, trader: TraderRow) -> None:
    response = await caller.call("GET", f"/v1/orders?state={state}", by=trader.device)
    assert (response.status_code, response.json()) == (200, {"items": [], "cursor": None})


async def test_a_long_poll_answers_when_there_is_something_and_when_its_time_is_up(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    after = f"/v1/approvals?cursor={trader.approval_id}&wait="
    began = time.monotonic()
    response = await caller.call("GET", after + "1", by=trader.device)
    assert response.json()["items"] == []
    assert time.monotonic() - began >= 1
    new = await add_approval(rows, trader.trader_id, trader.credential_id)
    response = await caller.call("GET", after + "25", by=trader.device)
    assert [item["approval_id"] for item in response.json()["items"]] == [str(new)]


async def test_a_device_that_is_revoked_while_it_waits_hears_nothing_more(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    path = f"/v1/approvals?wait=25&cursor={trader.approval_id}"
    waiting = asyncio.create_task(caller.call("GET", path, by=trader.device))
    await asyncio.sleep(0.1)
    await fence(rows, trader.trader_id, trader.root_id, 5)
    await add_approval(rows, trader.trader_id, trader.credential_id)
    async with asyncio.timeout(10):
        refused(await waiting, 401, "token_rejected")


async def test_the_tree_comes_in_pages_without_gaps_or_repeats(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    key = trader.device.key
    for _ in range(120):
        await add_party(rows, trader.trader_id, TokenKind.SESSION, trader.root_id, key=key)
    first = (await caller.call("GET", "/v1/tokens", by=trader.device)).json()
    assert len(first["items"]) == 100
    path = f"/v1/tokens?cursor={first['cursor']}"
    second = (await caller.call("GET", path, by=trader.device)).json()
    seen = [node["token_id"] for node in first["items"] + second["items"]]
    assert len(seen) == len(set(seen)) == 126
    assert second["cursor"] is None
    assert seen == sorted(seen)


async def test_an_id_that_is_nobodys_starts_no_page(caller: Caller, trader: TraderRow) -> None:
    response = await caller.call("GET", f"/v1/tokens?cursor={new_id()}", by=trader.device)
    assert response.json() == {"items": [], "cursor": None}
