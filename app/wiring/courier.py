"""The courier, put together from its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.config import ConfigurationRefused, CourierSettings
from app.core.clock import SystemClock
from app.db.pool import Database
from app.egress.routes import all_routes
from app.egress.service import Courier
from app.verbs.client import VerbClient
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import CourierInboxVerb, Send

_CONNECTIONS = 8
"""Writing an outcome takes a millisecond or two; one trader's go one after the other anyway."""


@asynccontextmanager
async def courier(settings: CourierSettings) -> AsyncIterator[Courier]:
    """Serve the inbox and run the loops until the block ends.

    Raises
    ------
    ConfigurationRefused
        The sandbox's address is not plain HTTP on loopback.
    DatabaseUnavailable
        There is no connection to begin with.
    """
    try:
        routes = all_routes(settings.sandbox_url)
    except ValueError as wrong:
        raise ConfigurationRefused([f"TRIPCORD_SANDBOX_URL: {wrong}"]) from None
    password = settings.database_password
    db = await Database.connect(
        settings.database_dsn,
        password=None if password is None else password.reveal().decode(),
        max_size=_CONNECTIONS,
        settings={"application_name": "tripcord-courier"},
    )
    try:
        running = Courier(
            db,
            VerbClient(settings.signer_courier_socket),
            routes,
            SystemClock(),
        )
        server = VerbServer(
            settings.courier_socket,
            CourierInboxVerb,
            {Send: running.inbox.send},
            allowed_uids=settings.peer_uids or {own_uid()},
        )
        try:
            running.start()
            await server.start()
            yield running
        finally:
            await server.stop()
            await running.stop()
    finally:
        await db.close()
