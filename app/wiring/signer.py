"""The signer, put together from its settings: rooms, the HSM's workers, its sockets, one clock."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

import msgspec

from app.accesslog.checkpoints import EVERY_SECONDS, make_checkpoint
from app.config import SignerSettings
from app.core.clock import Clock, SystemClock
from app.core.errors import DomainError
from app.core.statements import CHECKPOINT_TYP
from app.db.errors import Conflict
from app.db.pool import Database
from app.deciding.execution import Executions
from app.deciding.expiring import Expiring
from app.deciding.witness import Witness
from app.recovery.models import WAITING_TIME
from app.signing.holding import Holding
from app.vault.client import HsmWorkers
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.vault.models import DEADLINE_SECONDS, VaultConfig
from app.verbs.answers import SignerStatus
from app.verbs.client import VerbClient
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import (
    ApiVerb,
    CourierVerb,
    DispatcherVerb,
    Release,
    Send,
    Status,
)
from app.webauthn.models import RelyingParty
from app.wiring.passkeys import relying_party
from app.wiring.signer_verbs import api_handlers, courier_handlers, dispatcher_handlers

_LOG = logging.getLogger(__name__)
_CONNECTIONS: Final = 16
_RECONNECT_SECONDS: Final = 0.2
_EXPIRY_SECONDS: Final = 2.0


class CourierLink:
    """The way out for signed requests: connected or not, and never waited for."""

    def __init__(self, client: VerbClient) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        return self._client.connected

    def release(self, release: Release) -> None:
        task = asyncio.create_task(self._send(release))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def keep_connected(self) -> None:
        while True:
            if not self._client.connected:
                with suppress(DomainError):
                    await self._client.connect()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _send(self, release: Release) -> None:
        try:
            await self._client.call(Send(release=release))
        except DomainError as error:
            # The order stays `released`; the courier asks the venue about it later.
            _LOG.warning("a release was not handed over", extra={"code": error.code})


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What handlers are made of."""

    db: Database
    workers: HsmWorkers
    identity: Identity
    courier: CourierLink
    clock: Clock
    relying_party: RelyingParty
    re_enrolment_wait: timedelta = WAITING_TIME
    issuer: str = ""
    """Our public origin."""


@asynccontextmanager
async def signer(settings: SignerSettings) -> AsyncIterator[Parts]:
    """Run the signer until the block ends.

    Raises
    ------
    ModuleRefused, PinRefused, HsmUnavailable
        The HSM cannot be used; nothing listens.
    DatabaseUnavailable
        There is no connection to begin with.
    """
    clock = SystemClock()
    password = settings.database_password
    db = await Database.connect(
        settings.database_dsn,
        password=None if password is None else password.reveal().decode(),
        max_size=_CONNECTIONS,
        short_locks=True,
        settings={"application_name": "tripcord-signer"},
    )
    tasks: list[asyncio.Task[None]] = []
    workers = HsmWorkers(_vault_config(settings))
    client = VerbClient(settings.courier_socket)
    servers: list[VerbServer] = []
    try:
        await workers.start()
        parts = Parts(
            db=db,
            workers=workers,
            identity=Identity(workers),
            courier=CourierLink(client),
            clock=clock,
            relying_party=relying_party(settings),
            re_enrolment_wait=settings.re_enrolment_hours,
            issuer=settings.public_origin,
        )
        servers = _servers(settings, parts)
        for server in servers:
            await server.start()
        tasks = [
            asyncio.create_task(parts.courier.keep_connected()),
            asyncio.create_task(_checkpoints(parts)),
            asyncio.create_task(_expiries(parts)),
        ]
        yield parts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in servers:
            await server.stop()
        client.close()
        await workers.stop()
        await db.close()


def _servers(settings: SignerSettings, parts: Parts) -> list[VerbServer]:
    async def status(_: Status) -> SignerStatus:
        return await _status(parts)

    servers = [
        VerbServer(
            settings.signer_socket,
            ApiVerb,
            {**api_handlers(parts), Status: status},
            allowed_uids=settings.peer_uids or {own_uid()},
        ),
        VerbServer(
            settings.signer_courier_socket,
            CourierVerb,
            {**courier_handlers(parts), Status: status},
            allowed_uids=settings.courier_uids or {own_uid()},
        ),
    ]
    if settings.signer_dispatcher_socket is not None:
        servers.append(
            VerbServer(
                settings.signer_dispatcher_socket,
                DispatcherVerb,
                {**dispatcher_handlers(parts, issuer=settings.public_origin), Status: status},
                allowed_uids=settings.dispatcher_uids or {own_uid()},
            )
        )
    return servers


async def _status(parts: Parts) -> SignerStatus:
    probed = await parts.workers.probe(deadline_seconds=DEADLINE_SECONDS)
    identity = parts.identity
    return SignerStatus(
        ready=True,
        courier_connected=parts.courier.connected,
        hsm_module=probed.module,
        not_enforced=probed.not_enforced,
        identity_jwk=identity.identity.public_jwk,
        identity_jkt=identity.identity.jkt,
        checkpoint_jwk=identity.checkpoint.public_jwk,
        checkpoint_jkt=identity.checkpoint.jkt,
        issuer_jwk=identity.issuer.public_jwk,
        issuer_kid=identity.issuer.kid,
    )


async def _checkpoints(parts: Parts) -> None:
    async def sign(payload: bytes) -> str:
        return await parts.identity.checkpoint.sign_jws(typ=CHECKPOINT_TYP, payload=payload)

    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await make_checkpoint(parts.db, sign, parts.clock)
        except Exception as error:  # noqa: BLE001 - the loop outlives whatever it was
            # The heads stay "changed" and come in the next one; the checkpoint's age shows it.
            _LOG.warning("no checkpoint this time", extra={"reason": str(error)})


async def _expiries(parts: Parts) -> None:
    """What nobody approved in time says so, without a reader having to compute it."""
    evidence = Evidence(parts.workers)
    holding = Holding(parts.db, Executions(Witness(evidence, parts.clock), evidence))
    expiring = Expiring(parts.db, parts.clock)
    while True:
        await asyncio.sleep(_EXPIRY_SECONDS)
        with suppress(DomainError, Conflict):
            await holding.expire_overdue(parts.clock.now())
        with suppress(DomainError, Conflict):
            await expiring.sweep()


def _vault_config(settings: SignerSettings) -> VaultConfig:
    pins = settings.hsm_check_values
    return VaultConfig(
        module=settings.hsm_module,
        directory=settings.hsm_directory or settings.signer_socket.parent,
        pin=settings.hsm_pin,
        token_label=settings.hsm_token_label,
        profile=settings.hsm_profile,
        development=settings.hsm_profile == "nss",
        expected_check_values=(
            None if pins is None else msgspec.json.decode(pins.read_bytes(), type=dict[str, str])
        ),
    )
