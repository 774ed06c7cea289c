"""The bare handler really locks, reads, asks ccxt, inserts and commits: else it flatters nobody."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.sandbox.service import Options
from scripts.benches import yardstick
from scripts.benches.bare import Bare, Setup, Venue
from tests.benches.test_benches_orders import INTENT
from tests.sandbox.conftest import running
from tests.sandbox.support import Connection
from tests.support.postgres import TestCluster


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with running(Options()) as sandbox:
        made = Connection(sandbox.url).admin("POST", "keys", {"balances": {"USDT": "100000"}}).body
        setup = Setup(0, {}, sandbox.url, "BTCUSDT", made["api_key"], made["secret"])
        yield Venue(setup)


@pytest.fixture
async def login(cluster: TestCluster) -> AsyncIterator[str]:
    """An empty database: each test has `yardstick.fill` make what the benchmark makes."""
    name = f"bare_{uuid4().hex}"
    cluster.postgres.psql(f"CREATE DATABASE {name};")
    password = cluster.postgres.password.reveal().decode()
    yield cluster.postgres.dsn(database=name).replace("@", f":{password}@", 1)
    cluster.postgres.psql(f"DROP DATABASE {name} WITH (FORCE);")


@pytest.fixture
async def database(login: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(login)
    yield connection
    await connection.close()


@pytest.fixture
async def bare(venue: Venue, login: str) -> AsyncIterator[Bare]:
    connection = await asyncpg.connect(login)
    yield Bare([connection], venue)
    await connection.close()


def order(trader_id: UUID, grant_id: UUID, sequence: int = 1) -> bytes:
    claims = {
        "trader_id": str(trader_id),
        "grant_id": str(grant_id),
        "sequence": sequence,
        "intent": INTENT,
    }
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return json.dumps({"order": f"e30.{payload}.c2ln"}).encode()


@contextmanager
def asked(venue: Venue) -> Iterator[list[str]]:
    """The venue requests that ccxt makes meanwhile, each with its signature."""
    bodies: list[str] = []
    exchange = venue._exchange
    answer = exchange.fetch

    def fetch(url: str, method: str, headers: dict[str, str], body: str) -> Any:
        assert (url.rpartition("/")[2], method) == ("order", "POST")
        assert "X-MBX-APIKEY" in headers
        bodies.append(body)
        return answer(url, method, headers, body)

    exchange.fetch = fetch
    yield bodies
    exchange.fetch = answer


async def test_an_order_is_signed_by_ccxt_stored_and_answered(
    venue: Venue, bare: Bare, database: Any
) -> None:
    trader_id, grant_id = uuid4(), uuid4()
    await yardstick.fill(database, [(trader_id, grant_id)])
    first = await bare.place(order(trader_id, grant_id))
    with asked(venue) as bodies:
        second = await bare.place(order(trader_id, grant_id, 2))
    assert len(bodies) == 1
    for part in ("symbol=BTCUSDT", "timeInForce=IOC", "quantity=0.001", "&signature="):
        assert part in bodies[0]
    assert f"newClientOrderId={second['client_order_id']}" in bodies[0]
    stored = await database.fetch("SELECT order_id::text, sequence FROM bot_order ORDER BY 2")
    assert [tuple(row) for row in stored] == [(first["order_id"], 1), (second["order_id"], 2)]
    assert (second["state"], second["sequence"]) == ("released", 2)


async def test_it_waits_for_the_traders_row(bare: Bare, database: Any) -> None:
    trader_id, grant_id = uuid4(), uuid4()
    await yardstick.fill(database, [(trader_id, grant_id)])
    async with database.transaction():
        await database.execute("SELECT FROM trader FOR UPDATE")
        placing = asyncio.create_task(bare.place(order(trader_id, grant_id)))
        done, _ = await asyncio.wait([placing], timeout=0.2)
        assert not done
    await placing


async def test_it_holds_the_traders_row_until_its_commit(
    bare: Bare, login: str, database: Any
) -> None:
    trader_id, grant_id = uuid4(), uuid4()
    await yardstick.fill(database, [(trader_id, grant_id)])
    onlooker = await asyncpg.connect(login)
    async with database.transaction():
        await database.execute("SELECT FROM bot_grant FOR UPDATE")  # stops the insert
        placing = asyncio.create_task(bare.place(order(trader_id, grant_id)))
        await asyncio.wait([placing], timeout=0.2)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await onlooker.execute("SELECT FROM trader FOR UPDATE NOWAIT")
    await placing
    assert await onlooker.fetchval("SELECT count(*) FROM bot_order") == 1
    await onlooker.close()


async def test_nothing_is_stored_when_the_insert_fails(bare: Bare, database: Any) -> None:
    trader_id = uuid4()
    await yardstick.fill(database, [(trader_id, uuid4())])
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await bare.place(order(trader_id, uuid4()))
    assert await database.fetchval("SELECT count(*) FROM bot_order") == 0


async def test_it_speaks_asgi(bare: Bare, database: Any) -> None:
    trader_id, grant_id = uuid4(), uuid4()
    await yardstick.fill(database, [(trader_id, grant_id)])
    raw, sent = order(trader_id, grant_id), list[dict[str, Any]]()
    parts = iter([raw[:10], raw[10:]])

    async def receive() -> dict[str, Any]:
        part = next(parts)
        return {"type": "http.request", "body": part, "more_body": part == raw[:10]}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await bare({"type": "http", "path": "/v1/orders"}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 201
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(sent[1]["body"])).encode()
    assert json.loads(sent[1]["body"])["state"] == "released"
