"""The api, put together from its settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.accesslog.log import ReadLog
from app.api.edge import Edge
from app.api.services import Services
from app.config import ApiSettings
from app.core.clock import SystemClock
from app.core.errors import DomainError
from app.core.secret import Secret
from app.db.pool import Database
from app.platforms.service import PlatformService
from app.requesting.grants import GrantRequests
from app.requesting.sign_ins import SignIns
from app.revocation.incidents import IncidentService
from app.revocation.service import RevocationService
from app.verbs.client import VerbClient
from app.webhooks.registry import WebhookRegistry

_CONNECTIONS = 16
_CORD_CONNECTIONS = 2
"""Held for revokes alone, on a role of their own (DESIGN section 1)."""

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
    platforms = PlatformService(db, clock, audiences=frozenset({origin, f"{origin}/oauth/token"}))
    read_log.start()
    sweeping = asyncio.create_task(_sweep(db))
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
            ),
            db=db,
            clock=clock,
            read_log=read_log,
            signer=signer,
            platforms=platforms,
            revocations=RevocationService(cord, clock),
            incidents=IncidentService(cord, clock),
            grant_requests=GrantRequests(db, clock),
            sign_ins=SignIns(db, clock),
            webhooks=WebhookRegistry(db, clock, loopback=settings.webhook_loopback),
            public_origin=origin,
            stopping=asyncio.Event(),
        )
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await read_log.stop()
        signer.close()
        await cord.close()
        await db.close()


async def _sweep(db: Database) -> None:
    """Forget proofs and client tokens that could not be accepted any more anyway."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        with suppress(DomainError):
            async with db.session() as tx:
                while await tx.execute(_SWEEP_PROOFS) == f"DELETE {_SWEEP_ROWS}":
                    pass  # in small bites, so that no lock is held for long
                await tx.execute(_SWEEP_CLIENT_TOKENS)


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal().decode()
