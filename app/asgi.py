"""`python -m app.asgi`: the HTTP edge on granian, until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.openapi.plugins import JsonRenderPlugin

from app.api import problems
from app.api.approvals import ApprovalController
from app.api.asking import ActionTypeController, AskingController
from app.api.association import AssociationController
from app.api.blast import BlastRadiusController
from app.api.card_page import CardPageController
from app.api.cards import CardController, SettingController
from app.api.ciba import CibaController, UserCodeController
from app.api.cord import CordController
from app.api.cord_lane import CordLane
from app.api.credentials import CredentialController, PlatformCredentialController
from app.api.devices import DeviceController, FactorController, SealingKeyController
from app.api.events import EventController
from app.api.health import HealthController
from app.api.heartbeats import HeartbeatController
from app.api.introspection import Face, beside, introspection
from app.api.introspection_schema import DocumentedByHand
from app.api.issuer import IssuerController
from app.api.ladder import LadderController
from app.api.leaks import LeakController
from app.api.log import AccessLogController
from app.api.narrowing_blast import NarrowingRadiusController
from app.api.oauth import OAuthController
from app.api.orders import BalanceController, OrderController
from app.api.outer import Asgi, Outer
from app.api.passkeys import PasskeyController
from app.api.policies import PolicyController
from app.api.re_enrolments import ReEnrolmentController
from app.api.recovery_codes import RecoveryCodeController
from app.api.requesters import RequesterController
from app.api.revocations import IncidentController, RevocationController
from app.api.services import Services
from app.api.sessions import SessionController
from app.api.shedding import Shedding
from app.api.strict import StrictRequest
from app.api.token_nodes import TokenNodeController
from app.api.tokens import TokenController
from app.api.traders import TraderController
from app.api.venues import VenueController
from app.api.webhooks import WebhookController
from app.config import ApiSettings, ConfigurationRefused, load
from app.core.errors import DomainError
from app.wiring.api import api
from app.wiring.logs import configure_logs

MAX_BODY_BYTES = 64 * 1024
MAX_HEADER_BYTES = 16 * 1024
HEADER_MILLISECONDS = 10_000
BACKLOG = 4096
"""Connections that wait to be accepted (the kernel's own limit may be lower)."""

MOST_CONNECTIONS = 8192
"""Connections held at once: the server accepts no further one, a cord's neither, so there are many.
A connection costs some kB; what is asked over it has its budgets in `api.shedding`."""

_SPARE_FILES = 256
"""File descriptors for the database, sockets and files."""

_CORD_LANE_CONNECTIONS = 4

CONTROLLERS = (
    AccessLogController,
    ApprovalController,
    RequesterController,
    AskingController,
    ActionTypeController,
    AssociationController,
    BalanceController,
    BlastRadiusController,
    NarrowingRadiusController,
    CardController,
    CardPageController,
    CibaController,
    CordController,
    CredentialController,
    DeviceController,
    EventController,
    FactorController,
    HealthController,
    HeartbeatController,
    IncidentController,
    LadderController,
    LeakController,
    IssuerController,
    OAuthController,
    OrderController,
    PasskeyController,
    PlatformCredentialController,
    PolicyController,
    RevocationController,
    RecoveryCodeController,
    ReEnrolmentController,
    SealingKeyController,
    SessionController,
    SettingController,
    TokenController,
    TokenNodeController,
    TraderController,
    UserCodeController,
    VenueController,
    WebhookController,
)

_LOG = logging.getLogger(__name__)


def router(services: Services, face: Face) -> Litestar:
    """The routes, without what stands around them."""
    return Litestar.from_config(
        AppConfig(
            route_handlers=[*CONTROLLERS, introspection(face)],
            dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
            exception_handlers={DomainError: problems.on_error, Exception: problems.on_error},
            request_class=StrictRequest,
            request_max_body_size=MAX_BODY_BYTES,
            openapi_config=DocumentedByHand(
                title="Tripcord",
                version="1",
                path="/schema",
                render_plugins=[JsonRenderPlugin()],
                use_handler_docstrings=True,
            ),
            debug=False,
        )
    )


def application(services: Services, cord: Asgi | None = None) -> Any:
    """The whole ASGI application. `cord` answers what may cut; without one, the same loop does."""
    face = Face(services)
    inner = inside(services, face)
    return Shedding(beside(inner, face), cord or inner)


def inside(services: Services, face: Face | None = None) -> Asgi:
    """The application without the budgets around it."""
    inner: Any = router(services, face or Face(services))
    return Outer(inner, services.read_log)


@asynccontextmanager
async def _cord_application(settings: ApiSettings) -> AsyncIterator[Asgi]:
    async with api(settings, connections=_CORD_LANE_CONNECTIONS) as services:
        yield inside(services)


def server(
    app: Any, *, host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> Server:
    """The HTTP server around an ASGI application, with our limits and deadlines."""
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=MAX_HEADER_BYTES
        ),
        websockets=False,
        backlog=BACKLOG,
        backpressure=_raise_file_limit(),
        log_enabled=False,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,
    )


async def _serve(settings: ApiSettings) -> None:
    async with api(settings) as services:
        lane = CordLane(lambda: _cord_application(settings), inside(services))
        await lane.start()
        try:
            await _listen(settings, services, application(services, lane))
        finally:
            await lane.stop()


async def _listen(settings: ApiSettings, services: Services, whole: Asgi) -> None:
    running = server(
        whole,
        host=settings.api_host,
        port=settings.api_port,
        certificate=settings.tls_cert_file,
        key=settings.tls_key_file,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, services, running)
    _LOG.info("api listens", extra={"port": settings.api_port})
    await running.serve()


def _raise_file_limit() -> int:
    """Ask for the files that many connections take; how many connections there can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(_SPARE_FILES, min(MOST_CONNECTIONS, soft - _SPARE_FILES))


def _stop(services: Services, running: Server) -> None:
    """Long polls end first: the server waits for what is under way."""
    services.stopping.set()
    running.stop()  # type: ignore[no-untyped-call]


def main() -> int:
    """Exit code 0 after a stop, 1 when something it needs is missing, 2 for its settings."""
    try:
        settings = load(ApiSettings, os.environ)
    except ConfigurationRefused as refused:
        for problem in refused.problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    configure_logs(settings.log_level)
    try:
        uvloop.run(_serve(settings))
    except DomainError as error:
        _LOG.error("api cannot start: %s", error.code)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
