"""A signer in this process: real SoftHSM, real PostgreSQL, a courier that only writes down."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import asyncpg
import msgspec

from app.core.clock import SystemClock
from app.core.errors import DomainError
from app.db.pool import Database
from app.exchanges.models import MarketSnapshot
from app.requesting.grants import GrantRequests
from app.requesting.lifts import LiftRequests
from app.requesting.sign_ins import SignIns
from app.revocation.service import RevocationService
from app.vault.client import HsmWorkers, WorkerClient
from app.vault.identity import Identity
from app.verbs.wire import ApiVerb, CourierVerb, Release, Verb
from app.webauthn.models import RelyingParty
from app.wiring.signer import Parts
from app.wiring.signer_verbs import api_handlers, courier_handlers
from tests.exchanges.support import entry, snapshot
from tests.support.postgres import FreshDatabase

RELYING_PARTY = RelyingParty(
    rp_id="cord.example",
    origins=frozenset({"https://cord.example", "android:apk-key-hash:" + "A" * 43}),
)
MARKETS = {"BTCUSDT": ("BTC", Decimal("50000.00")), "ETHUSDT": ("ETH", Decimal("2500.00"))}


_IDLE = {"idle_in_transaction_session_timeout": "15000"}
"""Milliseconds, where the signer has 1,000: as with the deadlines below."""


class _PatientClient:
    """The worker with long deadlines: how busy this machine is, is not what is tested."""

    def __init__(self, worker: WorkerClient) -> None:
        self._worker = worker
        self.calls: list[Any] = []

    async def call(self, request: Any, decoder: Any, *, deadline_seconds: float) -> Any:
        self.calls.append(request)
        patience = max(deadline_seconds, 15.0)
        return await self._worker.call(request, decoder, deadline_seconds=patience)


class PatientWorkers:
    """What `app.vault` needs of the workers; `hot.calls` and `keys.calls` are what was asked."""

    def __init__(self, workers: HsmWorkers) -> None:
        self.hot, self.keys = _PatientClient(workers.hot), _PatientClient(workers.keys)
        self.status = workers.status


class Recorder:
    """A courier that sends nothing. Whatever the signer signed for a venue is in `releases`."""

    def __init__(self) -> None:
        self.connected = True
        self.releases: list[Release] = []

    def release(self, release: Release) -> None:
        self.releases.append(release)


class MovableClock(SystemClock):
    """The node's clock; `ahead` of the true one where a test says so."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Signer:
    """The verbs as the other processes see them, and what those processes do beside them."""

    def __init__(
        self, db: Database, api: Database, cord: Database, admin: asyncpg.Pool, workers: HsmWorkers
    ) -> None:
        self.db, self.api, self.admin = db, api, admin
        self.twin: Callable[[], Awaitable[Signer]]
        """Open another signer on the same database, as on another machine."""
        self.operator: Callable[[], Awaitable[Database]]
        """Log in to the same database as an operator's command does."""
        self.clock, self.courier = MovableClock(), Recorder()
        patient = cast("HsmWorkers", PatientWorkers(workers))
        self.parts = Parts(
            db=db,
            workers=patient,
            identity=Identity(patient),
            courier=cast("Any", self.courier),
            clock=self.clock,
            relying_party=RELYING_PARTY,
        )
        self.identity = self.parts.identity
        self.grants, self.sign_ins = GrantRequests(api, self.clock), SignIns(api, self.clock)
        self.lifts = LiftRequests(api, self.clock)
        self.revocations = RevocationService(cord, self.clock)
        self._handlers: dict[type[Verb], Callable[[Any], Awaitable[Any]]] = {
            **api_handlers(self.parts),
            **courier_handlers(self.parts),
        }

    async def ask(self, request: Verb) -> Any:
        """Send a verb as its peer would: over msgpack, to the handler of its type."""
        shape: Any = CourierVerb if type(request) in CourierVerb.__args__ else ApiVerb
        heard = msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=shape)
        return await self._handlers[type(heard)](heard)

    async def refusal(self, request: Verb) -> str:
        """The code (and rule) with which a verb is refused; "" where it is not."""
        try:
            await self.ask(request)
        except DomainError as error:
            return f"{error.code}:{error.rule}" if error.rule else error.code
        return ""

    async def refresh_market(
        self, market: str = "BTCUSDT", *, age: timedelta = timedelta(seconds=-1), **changes: Any
    ) -> None:
        """Snapshot and price of a market as the courier would write them, `age` old.

        A second ahead, which the skew of clocks allows, gives a slow machine a second more.
        """
        base, price = MARKETS[market]
        described = snapshot(entry(market, base))
        row: MarketSnapshot = msgspec.structs.replace(described, **changes)
        as_of = datetime.now(tz=UTC) - age
        await self.admin.execute(
            "INSERT INTO market_snapshot VALUES ('sandbox', $1, $2::text::jsonb, $3)"
            " ON CONFLICT (venue_id, market) DO UPDATE SET snapshot = excluded.snapshot,"
            " fetched_at = excluded.fetched_at",
            *(market, msgspec.json.encode(row).decode(), as_of),
        )
        await self.admin.execute(
            "INSERT INTO market_price VALUES ('sandbox', $1, $2, $3, $4)"
            " ON CONFLICT (venue_id, market) DO UPDATE SET bid = excluded.bid, ask = excluded.ask,"
            " as_of = excluded.as_of",
            *(market, price, price + Decimal("0.01"), as_of),
        )

    async def log(self, trader_id: UUID) -> list[Any]:
        """The trader's locked chain."""
        return list(
            await self.admin.fetch(
                "SELECT * FROM access_log WHERE trader_id = $1 AND chain = $2 ORDER BY position",
                *(trader_id, UUID(int=0)),
            )
        )

    async def as_owner(self, *statements: tuple[Any, ...]) -> None:
        """Write beneath every trigger and grant, as somebody with the database in his hands."""
        async with self.admin.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = 'replica'")
            for statement, *arguments in statements:
                await connection.execute(statement, *arguments)

    async def close(self) -> None:
        for db in (self.db, self.api, self.revocations._db):
            await db.close()
        await self.admin.close()

    def signatures(self) -> int:
        """Requests that left for a venue."""
        return len(self.courier.releases)


async def open_signer(database: FreshDatabase, workers: HsmWorkers) -> Signer:
    """Each pool logs in as its process does: what that may not do fails here too."""
    admin = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=4)
    await admin.execute("INSERT INTO venue VALUES ('sandbox', 0) ON CONFLICT DO NOTHING")
    signer = Signer(
        await Database.connect(
            database.dsn("tripcord_signer"), max_size=16, settings={"lock_timeout": "1000"} | _IDLE
        ),
        await Database.connect(database.dsn("tripcord_api"), min_size=1, max_size=8),
        await Database.connect(database.dsn("tripcord_cord"), min_size=2, max_size=2),
        admin,
        workers,
    )
    signer.twin = lambda: open_signer(database, workers)
    signer.operator = lambda: Database.connect(
        database.dsn("tripcord_operator"), min_size=1, max_size=4
    )
    return signer
