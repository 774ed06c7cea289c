"""The api, put together from its settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.accesslog.log import ReadLog
from app.api.edge import Edge
from app.api.nonces import Nonces, NonceSecret
from app.api.services import Services
from app.config import ApiSettings
from app.core.clock import SystemClock
from app.core.errors import DomainError
from app.core.jose import Jwk
from app.core.secret import Secret
from app.db.pool import Database
from app.introspection.coalescer import Coalescer
from app.platforms.service import PlatformService
from app.requesting.ciba import CibaRequests
from app.requesting.devices import DeviceRequests
from app.requesting.external import ExternalRequests
from app.requesting.factors import FactorRequests
from app.requesting.grants import GrantRequests
from app.requesting.lifts import LiftRequests
from app.requesting.nodes import NodeRequests
from app.requesting.passkeys import PasskeyRemovals
from app.requesting.sign_ins import SignIns
from app.requesting.user_codes import UserCodes
from app.revocation.incidents import IncidentService
from app.revocation.service import RevocationService
from app.verbs.answers import SignerStatus
from app.verbs.client import VerbClient
from app.verbs.wire import Status
from app.watching.heads import Heads
from app.watching.service import Streams
from app.webhooks.registry import WebhookRegistry
from app.wiring.passkeys import association_files

_CONNECTIONS = 16
_CORD_CONNECTIONS = 2
"""Held for revokes alone, on a role of their own (DESIGN section 1)."""

_AUDIENCES = ("/oauth/token", "/oauth/revoke", "/oauth/bc-authorize")
"""Where an assertion may be used; it may name any of them, or the issuer (CIBA section 7.1)."""

_SWEEP_SECONDS = 10.0
_SWEEP_ROWS = 5000
_SWEEP_CLIENT_TOKENS = "DELETE FROM client_token WHERE expires_at < now()"
_SWEEP_PROOFS = """
    DELETE FROM spent_proof WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM spent_proof WHERE expires_at < now() - interval '1 minute' LIMIT 5000))
"""


@asynccontextmanager
async def api(settings: ApiSettings, *, connections: int = _CONNECTIONS) -> AsyncIterator[Services]:
    """Open what the api needs and close it in the end."""
    clock = SystemClock()
    db = await Database.connect(
        settings.database_dsn,
        password=_text(settings.database_password),
        max_size=connections,
        settings={"application_name": "tripcord-api"},
    )
    cord = await Database.connect(
        settings.cord_dsn,
        password=_text(settings.cord_password),
        min_size=_CORD_CONNECTIONS,
        max_size=_CORD_CONNECTIONS,
        settings={"application_name": "tripcord-cord"},
    )
    read_log, signer = ReadLog(db), VerbClient(settings.signer_socket)
    origin = settings.public_origin.rstrip("/")
    platforms = PlatformService(
        db, clock, audiences=frozenset({origin, *(f"{origin}{path}" for path in _AUDIENCES)})
    )
    nonces, introspections = Nonces(is_required=settings.dpop_nonces == "required"), Coalescer(db)
    await _read_nonces(db, nonces)
    stopping = asyncio.Event()
    heads = Heads(db, stopping)
    read_log.start()
    sweeping = asyncio.create_task(_sweep(db, nonces))
    try:
        yield Services(
            edge=Edge(
                db,
                read_log,
                platforms,
                clock,
                cord_db=cord,
                public_origin=origin,
                trusted_hops=settings.trusted_hops,
                nonces=nonces,
                identity_jwk=_IdentityKey(signer).get,
            ),
            db=db,
            clock=clock,
            read_log=read_log,
            signer=signer,
            platforms=platforms,
            introspections=introspections,
            revocations=RevocationService(cord, clock),
            incidents=IncidentService(cord, clock),
            external_requests=ExternalRequests(db, clock),
            grant_requests=GrantRequests(db, clock),
            lift_requests=LiftRequests(db, clock),
            factor_requests=FactorRequests(db, clock),
            device_requests=DeviceRequests(db, clock),
            node_requests=NodeRequests(db, clock),
            sign_ins=SignIns(db, clock),
            user_codes=UserCodes(db, clock),
            ciba_requests=CibaRequests(db, clock),
            passkey_removals=PasskeyRemovals(db, clock),
            association_files=association_files(settings),
            webhooks=WebhookRegistry(db, clock, loopback=settings.webhook_loopback),
            heads=heads,
            streams=Streams(db, heads, clock, stopping),
            public_origin=origin,
            stopping=stopping,
        )
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await heads.close()
        await introspections.stop()
        await read_log.stop()
        signer.close()
        await cord.close()
        await db.close()


async def _read_nonces(db: Database, nonces: Nonces) -> None:
    async with db.session() as tx:
        rows = await tx.fetch("SELECT made_at, secret FROM nonce_secrets()")
    nonces.use([NonceSecret(row["made_at"], Secret(row["secret"])) for row in rows])


class _IdentityKey:
    """The public half of the HSM's identity key, learnt once from the signer itself."""

    def __init__(self, signer: VerbClient) -> None:
        self._signer = signer
        self._jwk: Jwk | None = None

    async def get(self) -> Jwk:
        if self._jwk is None:
            status: SignerStatus = await self._signer.call(Status())
            self._jwk = status.identity_jwk
        return self._jwk


async def _sweep(db: Database, nonces: Nonces) -> None:
    """Forget what could not be accepted any more anyway; learn of new nonce secrets."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        with suppress(DomainError):
            async with db.session() as tx:
                while await tx.execute(_SWEEP_PROOFS) == f"DELETE {_SWEEP_ROWS}":
                    pass  # in small bites, so that no lock is held for long
                await tx.execute(_SWEEP_CLIENT_TOKENS)
            await _read_nonces(db, nonces)


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal().decode()
