"""What less for a node would do, told before a phone signs it; nothing changes by asking."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from app.approvals.actions import Amount, BotGrant, ModelCard, action_bytes
from app.core.ids import new_id
from app.core.token import TokenKind
from tests.api.caller import Caller, refused
from tests.api.rows import FAR, PlatformRow, TraderRow, add_approval, add_grant, add_trader, counts
from tests.api.test_blast_radius import hold, market, place, resting

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARKETS = ["BTCUSDT", "ETHUSDT"]
_MAC = bytes(32)


def usdt(amount: str) -> Amount:
    return Amount(amount=amount, quote="USDT")


def limits(trader: TraderRow, grant_id: UUID, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "markets": MARKETS, "allocation": usdt("5000"), "free_limit": usdt("100"),
        "max_order": usdt("1000"), "expires_at": FAR,
    } | changes  # fmt: skip
    return action_bytes(
        BotGrant(
            trader_id=trader.trader_id, grant_id=grant_id, credential_id=trader.credential_id,
            venue="sandbox", label="a bot", model_jwk={}, requested_by="platform:x",
            model=ModelCard(name="a bot", digest="d", version="1", jkt="k"), **fields,
        )
    )  # fmt: skip


async def sealed(
    rows: asyncpg.Connection, trader: TraderRow, grant_id: UUID, **changes: Any
) -> None:
    await rows.execute(
        "UPDATE bot_grant SET limits = $3 WHERE trader_id = $1 AND grant_id = $2",
        *(trader.trader_id, grant_id, limits(trader, grant_id, **changes)),
    )
    await rows.execute(
        "UPDATE token SET scope = '{order,read}' WHERE trader_id = $1 AND token_id = $2",
        *(trader.trader_id, grant_id),
    )


@pytest_asyncio.fixture(loop_scope="module")
async def grant(trader: TraderRow, rows: asyncpg.Connection) -> UUID:
    grant_id = trader.grant.token.token_id
    await sealed(rows, trader, grant_id)
    return grant_id


async def sub_grant(
    rows: asyncpg.Connection, trader: TraderRow, parent: UUID, **changes: Any
) -> UUID:
    """One more grant, below another, as the signer would leave it."""
    grant_id = new_id()
    path = [trader.root_id, trader.credential_id, parent, grant_id]
    await rows.execute(
        "INSERT INTO token (trader_id, token_id, kind, parent_id, path, scope, label, expires_at)"
        " VALUES ($1, $2, 'grant', $3, $4, '{order,read}', 'sub', $5)",
        *(trader.trader_id, grant_id, parent, path, FAR),
    )
    await rows.execute(
        "INSERT INTO bot_grant VALUES ($1,$2,$3,$4,$5,$6,'{}',$7,$8,now(),1,$9)",
        *(trader.trader_id, grant_id, trader.root_id, path, trader.credential_id),
        await add_approval(rows, trader.trader_id, grant_id, state="approved"),
        *(limits(trader, grant_id, **changes), FAR, _MAC),
    )
    return grant_id


async def look(
    caller: Caller, trader: TraderRow, node: UUID, query: str = "", *, by: Any = None, **asked: Any
) -> dict[str, Any]:
    path = f"/v1/tokens/{node}/limits/blast-radius{query}"
    response = await caller.call("POST", path, body={"limits": asked}, by=by or trader.device)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def told(answer: dict[str, Any]) -> dict[UUID, tuple[str, list[str]]]:
    return {UUID(n["token_id"]): (n["becomes"], n["fields"]) for n in answer["nodes"]}


async def test_who_is_limited_is_told_by_field_down_the_branch(
    caller: Caller, trader: TraderRow, grant: UUID, rows: asyncpg.Connection
) -> None:
    small = await sub_grant(rows, trader, grant, markets=["BTCUSDT"], max_order=usdt("50"))
    other = await sub_grant(rows, trader, grant, markets=["ETHUSDT"])
    before = await counts(rows)
    answer = await look(
        caller, trader, grant, markets=["BTCUSDT"], max_order={"amount": "200", "quote": "USDT"}
    )
    assert told(answer) == {
        grant: ("limited", ["markets", "max_order"]),
        small: ("unchanged", []),
        other: ("places_no_orders", ["markets", "max_order"]),
    }
    assert (answer["total"], answer["version"]) == ("3", 1)
    after = {UUID(n["token_id"]): n["after"] for n in answer["nodes"]}
    assert after[other]["max_order"] == {"amount": "200", "quote": "USDT"}
    assert after[other]["markets"] == []
    assert answer["closed_markets"] == ["ETHUSDT"]
    assert await counts(rows) == before  # and its log entry
    assert told(await look(caller, trader, grant, scope=["read"], by=trader.session))[grant] == (
        "places_no_orders", ["scope"],
    )  # fmt: skip


async def test_a_branch_that_can_be_used_from_nowhere_is_dead(
    caller: Caller, trader: TraderRow, grant: UUID, rows: asyncpg.Connection
) -> None:
    below = await sub_grant(rows, trader, grant, ip_networks=["198.51.100.0/24"])
    await rows.execute(
        "UPDATE token SET networks = '{198.51.100.0/24}' WHERE trader_id = $1 AND token_id = $2",
        *(trader.trader_id, below),
    )
    for node in (grant, trader.credential_id):
        found = told(await look(caller, trader, node, ip_networks=["192.0.2.0/24"]))
        assert found[below][0] == "dead"
        assert found[grant] == ("limited", ["ip_networks"])


async def test_what_waits_is_refused_by_market_and_size_and_what_rests_stays(
    caller: Caller, trader: TraderRow, grant: UUID, rows: asyncpg.Connection
) -> None:
    for sequence, state in enumerate(("held", "held", "accepted"), start=1):
        await place(rows, trader, state, sequence=sequence)
    await rows.execute(
        "UPDATE bot_order SET price = CASE sequence WHEN 1 THEN 50 ELSE 500 END"
        " WHERE trader_id = $1",
        trader.trader_id,
    )  # of 2 each: 100 and 1,000 USDT

    async def then(**asked: Any) -> list[tuple[str, int, str]]:
        answer = await look(caller, trader, grant, **asked)
        assert answer["open_orders_total"] == "3"
        return sorted((g["state"], g["count"], g["then"]) for g in answer["open_orders"])

    assert await then(markets=["BTCUSDT"]) == [("accepted", 1, "stays"), ("held", 2, "stays")]
    assert await then(markets=["ETHUSDT"]) == [("accepted", 1, "stays"), ("held", 2, "refused")]
    for field in ("max_order", "allocation"):
        assert await then(**{field: {"amount": "999", "quote": "USDT"}}) == [
            ("accepted", 1, "stays"), ("held", 1, "refused"), ("held", 1, "stays"),
        ]  # fmt: skip
    assert await then(scope=["read"]) == [("accepted", 1, "stays"), ("held", 2, "refused")]


async def test_what_is_held_in_a_market_that_closes_is_told_where_no_stop_is(
    caller: Caller, trader: TraderRow, grant: UUID, rows: asyncpg.Connection
) -> None:
    await market(rows, "BTCUSDT", "BTC", "USDT")
    await market(rows, "ETHUSDT", "ETH", "USDT")
    await hold(rows, trader, "BTC", "2")
    await hold(rows, trader, "ETH", "4")
    await resting(rows, trader, "BTCUSDT", "stop_loss", "1.5")

    async def unprotected(**asked: Any) -> dict[str, Decimal]:
        answer = await look(caller, trader, grant, **asked)
        return {one["asset"]: Decimal(one["unprotected"]) for one in answer["without_stop"]}

    assert await unprotected(markets=["ETHUSDT"]) == {"BTC": Decimal(2)}
    assert await unprotected(markets=["BTCUSDT"]) == {"ETH": Decimal(5)}
    assert set(await unprotected(scope=["read"])) == {"BTC", "ETH"}
    assert await unprotected(max_order={"amount": "1", "quote": "USDT"}) == {}


async def test_a_lease_is_told_with_when_it_runs_out(
    caller: Caller, trader: TraderRow, grant: UUID, rows: asyncpg.Connection
) -> None:
    answer = await look(caller, trader, grant, lease_hours=2)
    assert answer["lease"] == {"hours": 2, "seen_at": None, "runs_out_at": None}
    assert told(answer)[grant] == ("limited", ["lease_hours"])
    seen_at = datetime.now(UTC) - timedelta(minutes=90)
    await rows.execute(
        "INSERT INTO device_heartbeat VALUES ($1, $2, $3, $4, $4, $5, 'x', 1, $5)",
        *(trader.trader_id, trader.device.token.token_id, trader.root_id, seen_at, _MAC),
    )
    lease = (await look(caller, trader, grant, lease_hours=2))["lease"]
    assert datetime.fromisoformat(lease["runs_out_at"]) == seen_at + timedelta(hours=2)
    lease = (await look(caller, trader, grant, lease_hours=1))["lease"]
    assert (lease["runs_out_at"], datetime.fromisoformat(lease["seen_at"])) == (None, seen_at)
    assert (await look(caller, trader, grant, scope=["read"]))["lease"] is None


async def test_what_the_narrowing_would_be_refused_for_is_refused_here(
    caller: Caller, trader: TraderRow, grant: UUID, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    unsealed = await add_grant(
        rows, trader.trader_id, trader.root_id, trader.credential_id, sealed=False
    )
    own = trader.device.token.token_id
    for node, asked, status, code in (
        (grant, {"markets": ["SOLUSDT"]}, 403, "wider_than_parent"),
        (grant, {"max_order": {"amount": "1001", "quote": "USDT"}}, 403, "wider_than_parent"),
        (grant, {"expires_at": "2020-01-01T00:00:00Z"}, 400, "malformed"),
        (grant, {}, 400, "malformed"),
        (grant, {"leverage": 3}, 400, "malformed"),
        (trader.credential_id, {"markets": []}, 400, "malformed"),
        (own, {"ip_networks": ["198.51.100.0/24"]}, 400, "malformed"),
        (unsealed.token.token_id, {"markets": []}, 409, "action_mismatch"),
        (other.credential_id, {"ip_networks": ["192.0.2.0/24"]}, 404, "token_not_found"),
        (new_id(), {"ip_networks": ["192.0.2.0/24"]}, 404, "token_not_found"),
    ):
        path = f"/v1/tokens/{node}/limits/blast-radius"
        response = await caller.call("POST", path, body={"limits": asked}, by=trader.device)
        refused(response, status, code)
    assert unsealed.token.kind is TokenKind.GRANT
