"""Descriptions and prices of the markets somebody may trade, and of no others."""

import asyncpg
import msgspec

from app.egress.service import Courier
from app.exchanges.models import MarketSnapshot
from tests.egress.conftest import settle
from tests.egress.rows import Trader, add_trader
from tests.egress.signer import StandInSigner
from tests.egress.venue import SandboxProcess


async def run(courier: Courier) -> None:
    await courier.markets.step()
    await settle(courier)


async def markets(rows: asyncpg.Pool, table: str) -> set[str]:
    found = await rows.fetch(f"SELECT market FROM {table}")
    return {row["market"] for row in found}


async def test_without_a_key_no_venue_is_asked(
    idle: Courier, rows: asyncpg.Pool, signer: StandInSigner
) -> None:
    del signer
    await run(idle)
    assert await markets(rows, "market_price") == set()


async def test_a_key_being_linked_already_gets_the_reference_market(
    idle: Courier, rows: asyncpg.Pool, sandbox: SandboxProcess
) -> None:
    await add_trader(rows, sandbox.new_key(), state="pending")
    await run(idle)
    assert await markets(rows, "market_price") == {"BTCUSDT"}
    assert await markets(rows, "market_snapshot") == {"BTCUSDT"}


async def test_the_markets_of_a_grant_are_described_and_priced(
    idle: Courier, rows: asyncpg.Pool, sandbox: SandboxProcess
) -> None:
    await add_trader(rows, sandbox.new_key(), markets=("ETHUSDT", "NOTHING"))
    await run(idle)
    assert await markets(rows, "market_price") == {"BTCUSDT", "ETHUSDT"}
    text = await rows.fetchval("SELECT snapshot::text FROM market_snapshot WHERE market='ETHUSDT'")
    snapshot = msgspec.json.decode(text, type=MarketSnapshot)
    assert (snapshot.base, snapshot.quote, snapshot.trading) == ("ETH", "USDT", True)
    assert msgspec.json.decode(snapshot.raw)["symbol"] == "ETHUSDT", "the venue's own bytes"


async def test_a_price_follows_the_venue_and_is_as_old_as_its_question(
    idle: Courier, rows: asyncpg.Pool, trader: Trader, sandbox: SandboxProcess
) -> None:
    del trader
    sandbox.move("BTCUSDT", "61000")
    await run(idle)
    first = await rows.fetchrow("SELECT *, clock_timestamp() - as_of AS age FROM market_price")
    assert first["bid"] <= 61000 <= first["ask"]
    assert 0 < first["age"].total_seconds() < 2
    sandbox.move("BTCUSDT", "60000")
    slow = {"route": "/api/v3/ticker/bookTicker", "mode": "delay", "ms": 700}
    sandbox.http.post("/sandbox/faults", json=slow)
    await run(idle)
    second = await rows.fetchrow("SELECT *, clock_timestamp() - as_of AS age FROM market_price")
    assert second["bid"] <= 60000 <= second["ask"]
    assert second["as_of"] > first["as_of"]
    assert 0.7 <= second["age"].total_seconds() < 2


async def test_a_venue_in_trouble_leaves_the_old_price_with_its_age(
    idle: Courier, rows: asyncpg.Pool, trader: Trader, sandbox: SandboxProcess
) -> None:
    del trader
    await run(idle)
    before = await rows.fetchrow("SELECT * FROM market_price")
    route = {"route": "/api/v3/ticker/bookTicker", "mode": "error500"}
    sandbox.http.post("/sandbox/faults", json=route)
    await run(idle)
    assert await rows.fetchrow("SELECT * FROM market_price") == before


async def test_a_revoked_grant_is_priced_no_more(
    idle: Courier, rows: asyncpg.Pool, trader: Trader
) -> None:
    await rows.execute(
        "INSERT INTO fence VALUES ($1,$2,'trader',5,'test',now(),1)",
        *(trader.trader_id, trader.root_id),
    )
    await run(idle)
    assert await markets(rows, "market_price") == set()
