"""A platform with webhooks in a fresh database, and a dispatcher whose signer is scripted.

What the real signer says is tested beside it, in `tests/signing/test_telling.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import SystemClock
from app.core.ids import new_id
from app.core.origin import Origin
from app.core.secret import Secret
from app.db.pool import Database
from app.webhooks.keys import SigningKeys
from app.webhooks.registry import Registered, WebhookRegistry
from app.webhooks.sender import Sender
from app.webhooks.service import WebhookDispatcher, WebhookPace
from tests.support.postgres import FreshDatabase

QUICK = WebhookPace(slots=8, poll_seconds=0.02, fault_seconds=0.05, sweep_seconds=0.05)
SECRET = Secret(b"a secret of the dispatcher's, 32 bytes and more")
ORIGIN = Origin(actor="platform:x")

Running = Callable[..., AbstractAsyncContextManager[None]]


class Signer:
    """Says something about every message, or raises what a test wants."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked: list[UUID] = []

    async def sign(self, trader_id: UUID, message_id: UUID) -> str:  # noqa: ARG002
        self.asked.append(message_id)
        if self.fault is not None:
            raise self.fault
        return f"token-of-{message_id}"


class Clock(SystemClock):
    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class World:
    """One platform, one trader with a node to revoke, and what stands in the outbox."""

    def __init__(self, admin: Database, api: Database, clock: Clock) -> None:
        self.admin, self.api, self.clock = admin, api, clock
        self.registry = WebhookRegistry(api, clock, loopback=True)
        self.platform_id, self.trader_id, self.root_id = new_id(), new_id(), new_id()

    async def begin(self) -> None:
        far = datetime.now(UTC) + timedelta(days=365)
        async with self.admin.transaction() as tx:
            await tx.execute(
                "INSERT INTO platform VALUES ($1, 'p', '{}') ON CONFLICT DO NOTHING",
                self.platform_id,
            )
            await tx.execute(
                "INSERT INTO trader (trader_id, platform_id) VALUES ($1, $2)",
                self.trader_id, self.platform_id,
            )  # fmt: skip
            await tx.execute(
                "SELECT mint_token($1, $2, 'trader', NULL, NULL, NULL, '{}', 'x', $3)",
                self.trader_id, self.root_id, far,
            )  # fmt: skip

    async def phone(self) -> UUID:
        """A phone of the trader's that can be rung."""
        device_id = new_id()
        async with self.admin.transaction() as tx:
            await tx.execute(
                "SELECT mint_token($1, $2, 'device', $3, $4, 'k', '{}', 'x', 'infinity')",
                self.trader_id, device_id, self.root_id, bytes(32),
            )  # fmt: skip
            await tx.execute(
                "INSERT INTO device VALUES ($1,$2,$3,'{}','phone',now(),1,$4)",
                self.trader_id, device_id, self.root_id, bytes(32),
            )  # fmt: skip
            await tx.execute(
                "INSERT INTO push_registration VALUES ($1,$2,'fcm','fid','reg')",
                self.trader_id, device_id,
            )  # fmt: skip
        return device_id

    async def hook(self, port: int, path: str = "/") -> Registered:
        url = f"http://127.0.0.1:{port}{path}"
        return await self.registry.create(self.platform_id, url, ["session-revoked"], ORIGIN)

    async def tell(self, count: int = 1) -> None:
        """Queue an event for every webhook, as the revoke's transaction does."""
        async with self.admin.session() as tx:
            for _ in range(count):
                await tx.execute(
                    "SELECT tell_platform($1, 'session-revoked', 'revocation', $2, 1)",
                    self.trader_id, new_id(),
                )  # fmt: skip

    async def messages(self, hook: Registered) -> list[dict[str, Any]]:
        async with self.admin.session() as tx:
            rows = await tx.fetch(
                "SELECT * FROM outbox WHERE target_id = $1 ORDER BY created_at",
                hook.webhook.webhook_id,
            )
        return [dict(row) for row in rows]

    async def again(self, hook: Registered) -> Registered:
        return await self.registry.get(self.platform_id, hook.webhook.webhook_id)

    async def make_due(self) -> None:
        """As if the pause were over."""
        async with self.admin.session() as tx:
            await tx.execute("UPDATE outbox SET due_at = now() WHERE state = 'pending'")


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(fresh_database: FreshDatabase) -> AsyncIterator[World]:
    admin = await Database.connect(fresh_database.dsn(), min_size=1)
    api = await Database.connect(fresh_database.dsn("tripcord_api"), min_size=1)
    made = World(admin, api, Clock())
    await made.begin()
    yield made
    await admin.close()
    await api.close()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def running(fresh_database: FreshDatabase, world: World, signer: Signer) -> Running:
    """`async with running():` has a dispatcher at work, as the dispatcher's role."""

    @asynccontextmanager
    async def run(secret: Secret = SECRET, timeout_seconds: float = 5.0) -> AsyncIterator[None]:
        database = await Database.connect(fresh_database.dsn("tripcord_dispatcher"), min_size=1)
        sender, stop = Sender(loopback=True, timeout_seconds=timeout_seconds), asyncio.Event()
        dispatcher = WebhookDispatcher(
            database, signer, SigningKeys(secret), sender, world.clock, pace=QUICK,
            dice=lambda: 0.0,
        )  # fmt: skip
        working = asyncio.create_task(dispatcher.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(working, 20)
            await sender.close()
            await database.close()

    return run
