"""What a revoke met, on pages: bounded, in order, and for nobody else."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from tests.api.caller import Caller, refused
from tests.api.rows import PlatformRow, TraderRow, add_grant, add_trader

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("victims", "slipped", "kept", "cleanup")


async def cut(
    caller: Caller, trader: TraderRow, node: UUID, query: str = ""
) -> tuple[str, dict[str, str]]:
    """(path of the revocation, header with its receipt)."""
    response = await caller.call("DELETE", f"/v1/tokens/{node}{query}", by=trader.device)
    assert response.status_code == 200, response.text
    header = {"Tripcord-Receipt": response.headers["Tripcord-Receipt"]}
    return f"/v1/revocations/{response.json()['revocation_id']}", header


async def add_order(
    rows: asyncpg.Connection,
    trader: TraderRow,
    *,
    side: str = "buy",
    state: str = "accepted",
    outcome_at: datetime | None = None,
    grant_id: UUID | None = None,
) -> UUID:
    order_id, now = new_id(), datetime.now(UTC)
    await rows.execute(
        "INSERT INTO bot_order (trader_id, order_id, grant_id, credential_id, sequence, jws,"
        " jws_digest, venue_id, market, side, order_type, quantity, price, client_order_id, state,"
        " request_digest, created_at, released_at, outcome_at)"
        " VALUES ($1,$2,$3,$4,$5,'x',$6,'sandbox','BTCUSDT',$7,'limit',1,1,$8,$9,$6,$10,$10,$11)",
        *(trader.trader_id, order_id, grant_id or trader.grant.token.token_id),
        *(trader.credential_id, time.monotonic_ns(), bytes(32), side, order_id.hex, state, now),
        outcome_at,
    )
    return order_id


async def all_pages(caller: Caller, path: str, header: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = "" if cursor is None else f"?cursor={cursor}"
        response = await caller.call("GET", path + query, headers=header)
        assert response.status_code == 200, response.text
        found += response.json()["items"]
        cursor = response.json()["cursor"]
        if cursor is None:
            return found


async def plant(rows: asyncpg.Connection, trader: TraderRow, parent: UUID, leaves: int) -> None:
    """Children of one node, written beneath `mint_token` because there are many."""
    await rows.execute(
        "INSERT INTO token (trader_id, token_id, kind, parent_id, path, scope, label, expires_at)"
        " SELECT $1, id, 'grant', $2, (SELECT path FROM token WHERE trader_id = $1"
        " AND token_id = $2) || id, '{}', 'leaf', now() + interval '1 day'"
        " FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $3)) AS drawn",
        *(trader.trader_id, parent, leaves),
    )


async def test_victims_come_once_each_parents_first_and_nothing_beside_the_node(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    grant = trader.grant.token.token_id
    await plant(rows, trader, trader.credential_id, 150)
    await plant(rows, trader, grant, 120)
    await plant(rows, trader, trader.root_id, 30)
    path, header = await cut(caller, trader, trader.credential_id)
    found = await all_pages(caller, f"{path}/victims", header)
    told = [node["token_id"] for node in found]
    below = await rows.fetch(
        "SELECT token_id FROM token WHERE trader_id = $1 AND $2 = ANY (path)",
        *(trader.trader_id, trader.credential_id),
    )
    assert len(told) == len(set(told)) == 272
    assert set(told) == {str(row["token_id"]) for row in below}
    seen: set[str] = set()
    for node in found:
        assert node["token_id"] == str(trader.credential_id) or node["parent_id"] in seen
        seen.add(node["token_id"])
    view = (await caller.call("GET", path, headers=header)).json()
    assert view["counts"]["tokens"] == 272


async def test_a_cursor_from_elsewhere_shows_nothing(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    path, header = await cut(caller, trader, trader.credential_id)
    for stray in (trader.root_id, trader.device.token.token_id, other.credential_id, new_id()):
        response = await caller.call("GET", f"{path}/victims?cursor={stray}", headers=header)
        assert (response.status_code, response.json()["items"]) == (200, [])


async def test_counts_stop_where_counting_would_cost(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await plant(rows, trader, trader.grant.token.token_id, 10_050)
    path, header = await cut(caller, trader, trader.credential_id)
    view = (await caller.call("GET", path, headers=header)).json()
    assert view["counts"]["tokens"] == 10_000
    page = (await caller.call("GET", f"{path}/victims", headers=header)).json()
    assert len(page["items"]) == 100
    assert page["cursor"] == page["items"][-1]["token_id"]


async def test_slipped_is_what_was_out_without_a_word_of_the_venue_when_the_revoke_came(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    beside = await add_grant(rows, trader.trader_id, trader.root_id, trader.credential_id)
    now = datetime.now(UTC)
    slipped = [
        await add_order(rows, trader, state="released"),
        await add_order(rows, trader, state="unknown"),
        await add_order(rows, trader, outcome_at=now + timedelta(hours=1)),
    ]
    await add_order(rows, trader, outcome_at=now - timedelta(seconds=5))
    await add_order(rows, trader, state="released", grant_id=beside.token.token_id)
    path, header = await cut(caller, trader, trader.grant.token.token_id)
    found = await all_pages(caller, f"{path}/slipped", header)
    assert [order["order_id"] for order in found] == [str(order) for order in slipped]
    view = (await caller.call("GET", path, headers=header)).json()
    assert view["counts"]["orders_slipped"] == 3


async def test_pages_of_orders_go_on_where_the_last_one_ended(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    made = [str(await add_order(rows, trader, side="sell", state="released")) for _ in range(203)]
    path, header = await cut(caller, trader, trader.credential_id)
    for name in ("slipped", "kept"):
        found = await all_pages(caller, f"{path}/{name}", header)
        assert [order["order_id"] for order in found] == made, name


async def test_what_clean_up_left_open_is_shown_and_only_in_the_mode_that_leaves_it(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    kept = await add_order(rows, trader, side="sell")
    await add_order(rows, trader, side="buy")
    await add_order(rows, trader, side="sell", state="filled")
    for query, expected in (("?mode=cancel_entries", [str(kept)]), ("?mode=cancel_all", [])):
        path, header = await cut(caller, trader, trader.grant.token.token_id, query)
        found = await all_pages(caller, f"{path}/kept", header)
        assert [order["order_id"] for order in found] == expected
        view = (await caller.call("GET", path, headers=header)).json()
        assert view["counts"]["orders_kept"] == len(expected)


async def test_clean_up_is_paged_by_item_and_counted_by_state(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    order = await add_order(rows, trader)
    path, header = await cut(caller, trader, trader.credential_id)
    await rows.execute(
        "INSERT INTO cleanup_item (trader_id, revocation_id, item_no, kind, credential_id,"
        " order_id, state, due_at) SELECT $1, $2, n, 'cancel', $3, $4,"
        " CASE WHEN n <= 5 THEN 'unconfirmed' WHEN n <= 120 THEN 'done' ELSE 'pending' END, now()"
        " FROM generate_series(1, 130) AS n",
        *(trader.trader_id, UUID(path.rpartition("/")[2]), trader.credential_id, order),
    )
    found = await all_pages(caller, f"{path}/cleanup", header)
    assert [item["item_no"] for item in found] == list(range(1, 131))
    assert {item["market"] for item in found} == {"BTCUSDT"}
    counts = (await caller.call("GET", path, headers=header)).json()["counts"]
    states = ("done", "pending", "unconfirmed", "unsupported")
    assert [counts[f"cleanup_{state}"] for state in states] == [115, 10, 5, 0]
    for bad in ("-1", "x", str(2**31)):
        response = await caller.call("GET", f"{path}/cleanup?cursor={bad}", headers=header)
        refused(response, 400, "malformed")


async def test_the_trader_reads_every_revocation_and_another_none(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    first, receipt = await cut(caller, trader, trader.grant.token.token_id)
    second, _ = await cut(caller, trader, trader.credential_id, "?mode=cancel_all")
    listed = (await caller.call("GET", "/v1/revocations", by=trader.session)).json()["items"]
    assert [f"/v1/revocations/{line['revocation_id']}" for line in listed] == [second, first]
    assert [line["mode"] for line in listed] == ["cancel_all", "cancel_entries"]
    assert (await caller.call("GET", "/v1/revocations", by=other.device)).json()["items"] == []
    foreign, stranger = await cut(caller, other, other.credential_id)
    for path in (first, *(f"{first}/{page}" for page in PAGES)):
        assert (await caller.call("GET", path, by=trader.device)).status_code == 200
        assert (await caller.call("GET", path, headers=receipt)).status_code == 200
        refused(await caller.call("GET", path, by=other.device), 404, "revocation_not_found")
        refused(await caller.call("GET", path, headers=stranger), 401, "receipt_rejected")
    for path in (foreign, *(f"{foreign}/{page}" for page in PAGES)):
        refused(await caller.call("GET", path, headers=receipt), 401, "receipt_rejected")


async def test_every_page_that_was_looked_at_is_in_the_log(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    path, header = await cut(caller, trader, trader.credential_id)
    for page in PAGES:
        await caller.call("GET", f"{path}/{page}", headers=header)
    told = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE trader_id = $1 AND event = 'revocation.read'",
        trader.trader_id,
    )
    assert told == len(PAGES)
