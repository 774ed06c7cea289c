"""Pings: queued by the decision itself, to the registered endpoint alone, until one is taken."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest

from app.ciba import store
from app.ciba.pinging import PingDispatcher, PingPace
from app.ciba.rules import PAUSES, next_try
from app.core import token
from app.core.ids import new_id
from app.core.secret import Secret
from app.core.token import Token, TokenKind
from app.db.pool import Database
from app.webhooks.sender import Sender
from scripts.clients.ciba import PingRefused, auth_req_id_of
from scripts.clients.encoding import Secret as ClientSecret
from tests.support.postgres import FreshDatabase
from tests.webhooks.conftest import Clock, until
from tests.webhooks.receiving import Answer, receiving

QUICK = PingPace(slots=8, poll_seconds=0.02, fault_seconds=0.05, sweep_seconds=0.05)
BEARER = "notify-" + "n" * 32
Running = Callable[..., AbstractAsyncContextManager[None]]


class World:
    """A platform in ping mode, and requests of one trader that somebody decides."""

    def __init__(self, rows: asyncpg.Connection, api: Database) -> None:
        self.rows, self.api = rows, api
        self.platform_id, self.trader_id = new_id(), new_id()

    async def begin(self, endpoint: str) -> None:
        await self.rows.execute(
            "INSERT INTO platform (platform_id, name, jwks, ciba_delivery, ciba_endpoint)"
            " VALUES ($1, 'p', '{}', 'ping', $2)",
            *(self.platform_id, endpoint),
        )
        await self.rows.execute(
            "INSERT INTO trader (trader_id, platform_id) VALUES ($1, $2)",
            *(self.trader_id, self.platform_id),
        )

    async def ask(self, *, life: timedelta = timedelta(minutes=5)) -> Token:
        """What `bc-authorize` leaves, in the api's own role."""
        approval_id, now, digest = new_id(), datetime.now(UTC), hashlib.sha256(b"{}").digest()
        await self.rows.execute(
            "INSERT INTO approval (trader_id, approval_id, requester, action_type, action, digest,"
            " nonce, required_strength, subject_id, created_at, expires_at)"
            " VALUES ($1, $2, $3, 'trade.external', $4, $5, $5, 'medium', $2, $6, $7)",
            *(self.trader_id, approval_id, f"platform:{self.platform_id}", b"{}", digest),
            *(now, now + timedelta(minutes=5)),
        )
        request = token.mint(TokenKind.REQUEST, self.trader_id, approval_id)
        async with self.api.transaction() as tx:
            await store.insert(tx, request, self.platform_id)
            await store.insert_ping(
                tx, request, self.platform_id, Secret(BEARER.encode()), now + life
            )
        return request

    async def decide(self, request: Token, state: str = "approved") -> None:
        await self.rows.execute(
            "UPDATE approval SET state = $3, decided_at = now()"
            " WHERE trader_id = $1 AND approval_id = $2",
            *(self.trader_id, request.token_id, state),
        )

    async def messages(self) -> list[asyncpg.Record]:
        return list(
            await self.rows.fetch(
                "SELECT * FROM outbox WHERE channel = 'ping' AND trader_id = $1 ORDER BY due_at",
                self.trader_id,
            )
        )

    async def secrets_kept(self) -> int:
        kept: int = await self.rows.fetchval(
            "SELECT count(*) FROM ciba_ping WHERE trader_id = $1", self.trader_id
        )
        return kept

    async def is_done(self, *states: str) -> bool:
        return tuple(row["state"] for row in await self.messages()) == states

    async def make_due(self) -> None:
        await self.rows.execute("UPDATE outbox SET due_at = now() WHERE state = 'pending'")


@pytest.fixture
async def world(fresh_database: FreshDatabase) -> AsyncIterator[World]:
    rows = await asyncpg.connect(fresh_database.dsn())
    api = await Database.connect(fresh_database.dsn("tripcord_api"), min_size=1)
    yield World(rows, api)
    await rows.close()
    await api.close()


@pytest.fixture
def running(fresh_database: FreshDatabase) -> Running:
    """`async with running():` has the channel at work, as the dispatcher's role."""

    @asynccontextmanager
    async def run(
        *,
        loopback: bool = True,
        clock: Clock | None = None,
        timeout_seconds: float = 1.0,
        pace: PingPace = QUICK,
    ) -> AsyncIterator[None]:
        database = await Database.connect(fresh_database.dsn("tripcord_dispatcher"), min_size=1)
        sender, stop = Sender(loopback=loopback, timeout_seconds=timeout_seconds), asyncio.Event()
        dispatcher = PingDispatcher(database, sender, clock or Clock(), pace=pace)
        working = asyncio.create_task(dispatcher.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(working, 20)
            await sender.close()
            await database.close()

    return run


@pytest.mark.parametrize("state", ["approved", "denied", "fraud", "expired", "cancelled"])
async def test_whoever_ends_the_waiting_the_client_is_pinged_once(
    state: str, world: World, running: Running
) -> None:
    async with receiving(Answer(204)) as server, running():
        await world.begin(f"http://127.0.0.1:{server.port}/cb")
        request = await world.ask()
        await asyncio.sleep(0.2)
        assert not server.deliveries
        await world.decide(request, state)
        await until(lambda: world.is_done("sent"))
        if state == "approved":
            await world.rows.execute("UPDATE approval SET state='consumed', consumed_at=now()")
        await asyncio.sleep(0.2)
    (delivery,) = server.deliveries
    assert delivery.head == "POST /cb HTTP/1.1"
    assert delivery.headers["content-type"] == "application/json"
    assert json.loads(delivery.body) == {"auth_req_id": request.reveal()}
    expected = ClientSecret(BEARER)
    found = auth_req_id_of(delivery.headers, delivery.body, expected=expected)
    assert found.reveal() == request.reveal()
    with pytest.raises(PingRefused):
        auth_req_id_of(delivery.headers, delivery.body, expected=ClientSecret("x" * 32))
    assert await world.secrets_kept() == 0


async def test_what_failed_is_tried_again_and_nothing_is_followed(
    world: World, running: Running
) -> None:
    async with receiving() as elsewhere, receiving() as server, running():
        await world.begin(f"http://127.0.0.1:{server.port}/cb")
        there = f"http://127.0.0.1:{elsewhere.port}/"
        server.answers.extend([Answer(500), Answer(302, location=there), Answer(401)])
        await world.decide(await world.ask())
        for failures in (1, 2, 3):
            await until(lambda failures=failures: _failed(world, failures))  # type: ignore[misc]
            await world.make_due()
        await until(lambda: world.is_done("sent"))
    assert len(server.deliveries) == 4
    assert elsewhere.connections == 0


async def _failed(world: World, times: int) -> bool:
    (message,) = await world.messages()
    return bool(message["failures"] >= times or message["state"] == "sent")


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:{port}/", "https://localhost:{port}/", "http://[::1]:{port}/",
     "https://169.254.169.254/", "https://10.0.0.1:{port}/", "https://2130706433/"],
)  # fmt: skip
async def test_nothing_is_sent_to_a_private_address_whatever_was_registered(
    endpoint: str, world: World, running: Running
) -> None:
    async with receiving() as server, running(loopback=False):
        await world.begin(endpoint.format(port=server.port))
        await world.decide(await world.ask())
        await until(lambda: _failed(world, 1))
    (message,) = await world.messages()
    assert message["last_error"].startswith(("url_", "address_refused")), message["last_error"]
    assert server.connections == 0


async def test_out_of_time_nothing_is_sent_and_nothing_is_kept(
    world: World, running: Running
) -> None:
    async with receiving() as server:
        await world.begin(f"http://127.0.0.1:{server.port}/")
        await world.ask(life=timedelta(seconds=-120))
        await world.decide(await world.ask(life=timedelta(seconds=-1)))
        async with running():
            await until(lambda: world.is_done("expired"))
            await world.rows.execute("UPDATE ciba_ping SET expires_at = now() - interval '1 hour'")
            await until(lambda: _forgotten(world))
    assert not server.deliveries


async def _forgotten(world: World) -> bool:
    return await world.secrets_kept() == 0


async def test_a_client_without_an_endpoint_any_more_is_not_pinged(
    world: World, running: Running
) -> None:
    await world.begin("https://platform.example/cb")
    await world.decide(await world.ask())
    await world.rows.execute("UPDATE platform SET disabled_at = now()")
    async with running():
        await until(lambda: world.is_done("undeliverable"))
    assert await world.secrets_kept() == 0


async def test_an_endpoint_that_hangs_delays_no_other_platforms(
    world: World, running: Running, fresh_database: FreshDatabase
) -> None:
    api = await Database.connect(fresh_database.dsn("tripcord_api"), min_size=1)
    other = World(world.rows, api)
    async with receiving(Answer(204, delay_seconds=5)) as hanging, receiving() as server:
        await world.begin(f"http://127.0.0.1:{hanging.port}/")
        await other.begin(f"http://127.0.0.1:{server.port}/")
        for _ in range(24):  # more than all slots
            await world.decide(await world.ask())
        await other.decide(await other.ask())
        pace = msgspec.structs.replace(QUICK, slots=16, drain_seconds=0.1)
        async with running(timeout_seconds=10.0, pace=pace):
            await until(lambda: other.is_done("sent"), 3)
    await api.close()


async def test_only_the_dispatcher_can_read_what_a_ping_takes(
    world: World, fresh_database: FreshDatabase
) -> None:
    await world.begin("https://platform.example/cb")
    await world.ask()
    for role in ("api", "signer", "courier", "cord", "operator"):
        connection = await asyncpg.connect(fresh_database.dsn(f"tripcord_{role}"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM ciba_ping")
        await connection.close()


def test_pauses_grow_and_stay() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    waits = [(next_try(n, now=now) - now).total_seconds() for n in range(1, 9)]
    assert waits == [*PAUSES, *[PAUSES[-1]] * (8 - len(PAUSES))]
