"""`python -m app.asgi`: the HTTP edge on granian, until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import sys
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from app.api import problems
from app.api.approvals import ApprovalController
from app.api.cord import CordController
from app.api.credentials import CredentialController, PlatformCredentialController
from app.api.devices import DeviceController, FactorController, SealingKeyController
from app.api.health import HealthController
from app.api.log import AccessLogController
from app.api.oauth import OAuthController
from app.api.orders import BalanceController, OrderController
from app.api.outer import Outer
from app.api.re_enrolments import ReEnrolmentController
from app.api.recovery_codes import RecoveryCodeController
from app.api.services import Services
from app.api.sessions import SessionController
from app.api.strict import StrictRequest
from app.api.tokens import TokenController
from app.api.traders import TraderController
from app.config import ApiSettings, ConfigurationRefused, load
from app.core.errors import DomainError
from app.wiring.api import api
from app.wiring.logs import configure_logs

MAX_BODY_BYTES = 64 * 1024
MAX_HEADER_BYTES = 16 * 1024
HEADER_MILLISECONDS = 10_000

CONTROLLERS = (
    AccessLogController,
    ApprovalController,
    BalanceController,
    CordController,
    CredentialController,
    DeviceController,
    FactorController,
    HealthController,
    OAuthController,
    OrderController,
    PlatformCredentialController,
    RecoveryCodeController,
    ReEnrolmentController,
    SealingKeyController,
    SessionController,
    TokenController,
    TraderController,
)

_LOG = logging.getLogger(__name__)


def router(services: Services) -> Litestar:
    """The routes, without what stands around them."""
    return Litestar.from_config(
        AppConfig(
            route_handlers=list(CONTROLLERS),
            dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
            exception_handlers={DomainError: problems.on_error, Exception: problems.on_error},
            request_class=StrictRequest,
            request_max_body_size=MAX_BODY_BYTES,
            openapi_config=OpenAPIConfig(
                title="Tripcord",
                version="1",
                path="/schema",
                render_plugins=[JsonRenderPlugin()],
            ),
            debug=False,
        )
    )


def application(services: Services) -> Any:
    """The whole ASGI application."""
    inner: Any = router(services)
    return Outer(inner, services.read_log)


async def _serve(settings: ApiSettings) -> None:
    async with api(settings) as services:
        server = Server(
            application(services),
            address=settings.api_host,
            port=settings.api_port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=MAX_HEADER_BYTES
            ),
            websockets=False,
            log_enabled=False,
            ssl_cert=settings.tls_cert_file,
            ssl_key=settings.tls_key_file,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, services, server)
        _LOG.info("api listens", extra={"port": settings.api_port})
        await server.serve()


def _stop(services: Services, server: Server) -> None:
    """Long polls end first: the server waits for what is under way."""
    services.stopping.set()
    server.stop()  # type: ignore[no-untyped-call]


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
