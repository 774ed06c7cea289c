"""The whole way: a revoke, a killed dispatcher, the signer's word, a platform that checks."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from app.cli.migrate import with_login
from app.vault.client import HsmWorkers
from app.verbs.answers import SignerStatus
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import DispatcherVerb, Status
from app.webhooks.keys import public_text
from app.wiring.signer_verbs import dispatcher_handlers
from mock_push.credentials import make_service_account
from scripts.clients.webhook import AlreadySeen, Receiver
from tests.signing.parts import Signer, open_signer
from tests.signing.test_telling import ISSUER, Hook, add_hook
from tests.signing.trader import Trader
from tests.support.postgres import FreshDatabase, TestCluster
from tests.webhooks.receiving import Answer, Delivery, Server, receiving

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPOSITORY = Path(__file__).parents[2]


class Site:
    """A signer that serves the dispatcher's socket, and dispatchd as a process."""

    def __init__(self, database: FreshDatabase, signer: Signer, folder: Path) -> None:
        self.signer, self._folder = signer, folder
        role = "tripcord_dispatcher"
        out = folder / "fcm.json"
        make_service_account(out=out, url="http://127.0.0.1:9", data=folder)
        ours = {key: text for key, text in os.environ.items() if not key.startswith("TRIPCORD_")}
        self._environ = ours | {
            "TRIPCORD_DATABASE_DSN": with_login(database.server_dsn, role, database.name),
            "TRIPCORD_DATABASE_PASSWORD": database.passwords[role],
            "TRIPCORD_FCM_CREDENTIALS_FILE": str(out),
            "TRIPCORD_FCM_URL": "http://127.0.0.1:9",
            "TRIPCORD_PUBLIC_ORIGIN": ISSUER,
            "TRIPCORD_SIGNER_DISPATCHER_SOCKET": str(self.socket),
            "TRIPCORD_WEBHOOK_SECRET": "x" * 43,
            "TRIPCORD_WEBHOOK_LOOPBACK": "yes",
        }
        self._processes: list[asyncio.subprocess.Process] = []

    @property
    def socket(self) -> Path:
        return self._folder / "d.sock"

    async def dispatcher(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.dispatchd", cwd=REPOSITORY, env=self._environ
        )
        self._processes.append(process)
        return process

    async def end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def hook(self, trader: Trader, server: Server) -> Hook:
        """A webhook of the trader's platform whose key is published."""
        hook = await add_hook(trader)
        admin = self.signer.admin
        await admin.execute(
            "UPDATE webhook SET url = $2 WHERE webhook_id = $1",
            *(hook.webhook_id, f"http://127.0.0.1:{server.port}/"),
        )
        await admin.execute(
            "INSERT INTO webhook_key (platform_id, webhook_id, version) VALUES ($1, $2, 1)",
            *(hook.platform_id, hook.webhook_id),
        )
        return hook

    async def receiver(self, hook: Hook) -> Receiver:
        key = self.signer.identity.issuer
        jwks = {"keys": [{**key.public_jwk, "kid": key.kid, "alg": "RS256"}]}
        public = public_text(await self.published(hook))
        return Receiver([public], jwks, ISSUER, str(hook.platform_id))

    async def published(self, hook: Hook) -> bytes:
        async with asyncio.timeout(30):
            while True:
                found: bytes | None = await self.signer.admin.fetchval(
                    "SELECT public_key FROM webhook_key WHERE webhook_id = $1", hook.webhook_id
                )
                if found is not None:
                    return found
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    cluster: TestCluster, workers: HsmWorkers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    database = cluster.create()
    signer = await open_signer(database, workers)
    await signer.refresh_market()
    running = Site(database, signer, tmp_path_factory.mktemp("w"))

    async def status(_: Status) -> SignerStatus:
        raise NotImplementedError

    handlers: Any = {**dispatcher_handlers(signer.parts, issuer=ISSUER), Status: status}
    verbs = VerbServer(running.socket, DispatcherVerb, handlers, allowed_uids={own_uid()})
    await verbs.start()
    yield running
    await running.end()
    await verbs.stop()
    await signer.close()
    cluster.drop(database)


async def arrived(server: Server, count: int) -> Delivery:
    async with asyncio.timeout(30):
        while len(server.deliveries) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
    return server.deliveries[count - 1]


async def test_a_revoke_while_the_dispatcher_is_dead_is_not_late_and_not_lost(site: Site) -> None:
    trader = Trader(site.signer)
    await trader.enrol()
    async with receiving() as server:
        hook = await site.hook(trader, server)
        first = await site.dispatcher()
        receiver = await site.receiver(hook)
        first.kill()
        await first.wait()
        began = monotonic()
        await trader.revoke(trader.bound.root_token_id)
        assert monotonic() - began < 2.0  # a dead webhook's time-out is 15 s, a lease 60 s
        [message] = await hook.queued()
        together = await site.signer.admin.fetchval(
            "SELECT o.xmin::text = f.xmin::text AND o.xmin::text = r.xmin::text FROM outbox o"
            " JOIN fence f USING (trader_id) JOIN revocation r USING (trader_id)"
            " WHERE o.message_id = $1",
            message["message_id"],
        )
        assert together is True
        assert server.connections == 0
        await site.dispatcher()
        delivery = await arrived(server, 1)
        event = receiver.receive(delivery.headers, delivery.body)
    assert delivery.headers["content-type"] == "application/secevent+jwt"
    assert event.kind == "session-revoked"
    assert event.subject == {"format": "iss_sub", "iss": ISSUER, "sub": str(trader.trader_id)}
    assert UUID(event.event_id) == message["message_id"]


async def test_killed_between_sending_and_writing_it_down_it_sends_the_same_again(
    site: Site,
) -> None:
    trader = Trader(site.signer)
    await trader.enrol()
    async with receiving() as server:
        server.answers.append(Answer(200, delay_seconds=60))
        hook = await site.hook(trader, server)
        first = await site.dispatcher()
        receiver = await site.receiver(hook)
        await trader.revoke(trader.bound.root_token_id)
        once = await arrived(server, 1)
        first.kill()
        await first.wait()
        # Cheats beneath the dispatcher: the dead one's lease is over now, not in a minute.
        await site.signer.admin.execute("UPDATE outbox SET leased_until = now()")
        await site.dispatcher()
        twice = await arrived(server, 2)
        assert once.body == twice.body
        receiver.receive(once.headers, once.body)
        with pytest.raises(AlreadySeen):
            receiver.receive(twice.headers, twice.body)
        async with asyncio.timeout(10):
            while (await hook.queued())[0]["state"] != "sent":  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
