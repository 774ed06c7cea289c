"""What a step down would do, told before it is taken, whatever the size of the tree."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.tokens import subtree
from tests.api.caller import Caller, refused
from tests.api.rows import PlatformRow, TraderRow, add_grant, add_trader, fence

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def look(
    caller: Caller, trader: TraderRow, node: UUID, query: str = "", *, by: Any = None
) -> dict[str, Any]:
    path = f"/v1/tokens/{node}/blast-radius{query}"
    response = await caller.call("GET", path, by=by or trader.device)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def market(rows: asyncpg.Connection, name: str, base: str, quote: str) -> None:
    await rows.execute(
        "INSERT INTO market_snapshot VALUES ('sandbox', $1,"
        " jsonb_build_object('base', $2::text, 'quote', $3::text), now()) ON CONFLICT DO NOTHING",
        *(name, base, quote),
    )


async def hold(
    rows: asyncpg.Connection, trader: TraderRow, asset: str, free: str, *, age: int = 0
) -> None:
    await rows.execute(
        "INSERT INTO venue_balance VALUES ($1,$2,$3,$4,1,$5)",
        *(trader.trader_id, trader.credential_id, asset, Decimal(free)),
        datetime.now(UTC) - timedelta(seconds=age),
    )


async def resting(
    rows: asyncpg.Connection, trader: TraderRow, name: str, kind: str, quantity: str,
    *, side: str = "sell",
) -> None:  # fmt: skip
    order = str(new_id())
    await rows.execute(
        "INSERT INTO venue_open_order VALUES ($1,$2,$3,$3,$4,$5,$6,$7,0.5,1,now())",
        *(trader.trader_id, trader.credential_id, order, name, side, kind, Decimal(quantity)),
    )


async def place(
    rows: asyncpg.Connection, trader: TraderRow, state: str, *, sequence: int, side: str = "buy"
) -> None:
    order = new_id()
    await rows.execute(
        "INSERT INTO bot_order (trader_id, order_id, grant_id, credential_id, sequence, jws,"
        " jws_digest, venue_id, market, side, quantity, filled_quantity, client_order_id,"
        " approval_id, state, rule, request_digest, created_at) VALUES"
        " ($1,$2,$3,$4,$5,'x',$6,'sandbox','BTCUSDT',$7,2,0.5,$8,$9,$10,$11,$6,now())",
        *(trader.trader_id, order, trader.grant.token.token_id, trader.credential_id, sequence),
        *(bytes(32), side, str(order), trader.approval_id if state == "held" else None),
        *(state, "no" if state == "refused" else None),
    )


async def test_nodes_below_are_shown_with_what_becomes_of_them(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.grant.token.token_id, 4)
    answer = await look(caller, trader, trader.credential_id, "?to=read_only")
    assert (answer["state"], answer["to"], answer["total"]) == ("active", "read_only", "2")
    assert answer["counts"] == {"credential": 1, "grant": 1}
    assert [(n["kind"], n["state"], n["becomes"]) for n in answer["nodes"]] == [
        ("credential", "active", "read_only"), ("grant", "frozen", "frozen"),
    ]  # fmt: skip
    assert {"order", "reduce", "cancel", "mint"} <= set(answer["loses"])
    assert not {"read", "approve", "lift"} & set(answer["loses"])
    whole = await look(caller, trader, trader.root_id, by=trader.session)
    assert (whole["to"], whole["total"]) == ("revoked", "6")
    assert {node["becomes"] for node in whole["nodes"]} == {"revoked"}


async def test_nothing_of_another_trader_or_another_branch_is_counted(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    await add_grant(rows, other.trader_id, other.root_id, other.credential_id)
    assert (await look(caller, trader, trader.root_id))["total"] == "6"
    one = await look(caller, trader, trader.grant.token.token_id)
    assert [node["token_id"] for node in one["nodes"]] == [str(trader.grant.token.token_id)]


@pytest.mark.parametrize("query", ["?to=nothing", "?to=", "?to=4", "?cursor=x"])
async def test_a_rung_that_is_none_is_malformed(
    query: str, caller: Caller, trader: TraderRow
) -> None:
    path = f"/v1/tokens/{trader.root_id}/blast-radius{query}"
    refused(await caller.call("GET", path, by=trader.device), 400, "malformed")


async def test_open_orders_are_told_by_venue_market_and_what_becomes_of_them(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    states = ["accepted", "accepted", "released", "held", "filled", "refused", "cancelled"]
    for sequence, state in enumerate(states, start=1):
        await place(rows, trader, state, sequence=sequence)
    expected = {
        "revoked": {"accepted": "cancelled", "held": "refused", "released": "cancelled"},
        "read_only": {"accepted": "stays", "held": "refused", "released": "stays"},
        "active": {"accepted": "stays", "held": "stays", "released": "stays"},
    }
    for to, then in expected.items():
        answer = await look(caller, trader, trader.credential_id, f"?to={to}")
        assert {group["state"]: group["then"] for group in answer["open_orders"]} == then
    by_state = {group["state"]: group for group in answer["open_orders"]}
    assert answer["open_orders_total"] == "4"
    assert (by_state["accepted"]["count"], by_state["accepted"]["quantity"]) == (2, "3.0")
    assert (by_state["held"]["venue"], by_state["held"]["market"]) == ("sandbox", "BTCUSDT")
    assert (await look(caller, trader, trader.device.token.token_id))["open_orders"] == []


async def test_what_is_held_without_a_stop_is_told_with_its_age(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await market(rows, "BTCUSDT", "BTC", "USDT")
    await market(rows, "ETHUSDT", "ETH", "USDT")
    await hold(rows, trader, "BTC", "2")  # and 1 locked, so 3
    await hold(rows, trader, "ETH", "4", age=31)
    await hold(rows, trader, "USDT", "100")
    await hold(rows, trader, "ODD", "1")
    await resting(rows, trader, "BTCUSDT", "stop_loss_limit", "1.5")  # half of one is filled
    await resting(rows, trader, "BTCUSDT", "limit", "2")
    await resting(rows, trader, "BTCUSDT", "stop_loss", "9", side="buy")
    await resting(rows, trader, "ETHUSDT", "trailing_stop", "10")
    for node in (trader.root_id, trader.credential_id, trader.grant.token.token_id):
        answer = await look(caller, trader, node)
        told = {item["asset"]: item for item in answer["without_stop"]}
        assert set(told) == {"BTC", "ODD"}  # cash needs no stop, and ETH has enough of one
        btc = told["BTC"]
        assert [Decimal(btc[name]) for name in ("held", "stopped", "selling", "unprotected")] == [
            Decimal(3), Decimal(1), Decimal("1.5"), Decimal(2),
        ]  # fmt: skip
        assert (btc["markets"], btc["stale"]) == (["BTCUSDT"], False)
        assert told["ODD"]["markets"] == []
        assert "stop" in answer["stop_means"]
    await rows.execute(
        "DELETE FROM venue_open_order WHERE trader_id = $1 AND market = 'ETHUSDT'",
        trader.trader_id,
    )
    told = {i["asset"]: i for i in (await look(caller, trader, trader.root_id))["without_stop"]}
    assert told["ETH"]["stale"] is True
    assert (await look(caller, trader, trader.device.token.token_id))["without_stop"] == []


async def many(rows: asyncpg.Connection, trader: TraderRow, count: int) -> None:
    """Grants beneath the credential, as `mint_token` would leave them."""
    await rows.execute(
        "INSERT INTO token (trader_id, token_id, kind, parent_id, path, scope, label, expires_at)"
        " SELECT $1, id, 'grant', $2, ARRAY[$3::uuid, $2::uuid, id], '{}', 'bot', 'infinity'"
        "   FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $4)) made",
        *(trader.trader_id, trader.credential_id, trader.root_id, count),
    )


async def test_a_large_branch_is_counted_to_a_cap_and_paged_without_loss_or_repetition(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await many(rows, trader, 350)
    seen: list[str] = []
    query = "?to=frozen"
    while True:
        answer = await look(caller, trader, trader.credential_id, query)
        seen += [node["token_id"] for node in answer["nodes"]]
        if answer["cursor"] is None:
            break
        query = f"?to=frozen&cursor={answer['cursor']}"
    below = "SELECT count(*) FROM token WHERE trader_id = $1 AND $2 = ANY (path)"
    expected = await rows.fetchval(below, trader.trader_id, trader.credential_id)
    assert (len(seen), len(set(seen))) == (expected, expected)
    assert seen[0] == str(trader.credential_id)
    assert answer["total"] == str(expected)
    await many(rows, trader, subtree.COUNT_CAP)
    answer = await look(caller, trader, trader.credential_id)
    assert answer["total"] == "10000+"
    stray = f"/v1/tokens/{trader.credential_id}/blast-radius?cursor={trader.root_id}"
    refused(await caller.call("GET", stray, by=trader.device), 404, "token_not_found")


async def test_the_branch_is_one_range_of_an_index(
    trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await many(rows, trader, 30_000)
    await rows.execute("ANALYZE token")
    top = [trader.root_id, trader.credential_id]
    for query, extra in (
        (subtree._PAGE, ([trader.root_id], 100)), (subtree._COUNTS, (subtree.COUNT_CAP + 1,)),
    ):  # fmt: skip
        explained = await rows.fetch(
            f"EXPLAIN {query}", trader.trader_id, top, [*top, subtree._LAST], *extra
        )
        plan = "\n".join(row[0] for row in explained)
        assert "token_path" in plan, plan
        assert "Sort" not in plan.split("Limit", 1)[-1], plan
    started = time.perf_counter()
    await rows.fetch(
        subtree._PAGE, trader.trader_id, top, [*top, subtree._LAST], [trader.root_id], 100
    )
    assert time.perf_counter() - started < 1.0
