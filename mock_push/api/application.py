"""Put the mock together."""

from collections.abc import Iterator
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.logging import LoggingConfig

from mock_push.api import addresses, chats, faults, mail, page, phones, send, telegram, token
from mock_push.api.guard import Guard
from mock_push.api.striking import LineCut
from mock_push.oauth.refusals import OAuthError
from mock_push.status import ApiError
from mock_push.telegram.refusals import TelegramError
from mock_push.world import World

GOOGLE_JSON = "application/json; charset=UTF-8"
MAX_BODY_BYTES = 65_536  # sixteen times the largest message FCM takes
STATUS_OF = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    413: "INVALID_ARGUMENT",
}


@get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "live"}


def make_application(world: World) -> Litestar:
    """The ASGI application of one mock."""
    return Litestar(
        route_handlers=[
            livez,
            token.token,
            token.add_service_account,
            send.send,
            phones.register,
            phones.unregister,
            phones.messages,
            token.allowed_locations,
            mail.mails,
            mail.add_smtp_account,
            telegram.call,
            chats.add_bot,
            chats.open_chat,
            chats.say,
            chats.block,
            chats.unblock,
            chats.chat_messages,
            faults.set_fault,
            faults.list_faults,
            faults.kinds,
            faults.clear_fault,
            faults.clear_faults,
            page.index,
            page.asset,
            addresses.addresses,
            addresses.authority,
            page.state,
        ],
        before_request=Guard(world),
        dependencies={"world": Provide(lambda: world, sync_to_thread=False)},
        exception_handlers={
            ApiError: _refused,
            OAuthError: _oauth_refused,
            TelegramError: _telegram_refused,
            HTTPException: _http_refused,
        },
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=LoggingConfig(
            configure_root_logger=False,
            log_exceptions="always",
            # A refusal is an answer and no fault of ours; and a Bot API path has a token in it.
            disable_stack_trace={*STATUS_OF, LineCut.status_code, *_refusals()},
        ),
        openapi_config=None,
    )


def _refusals() -> Iterator[type[Exception]]:
    """Every class of refusal; the framework compares classes exactly."""
    yield from (OAuthError, TelegramError, *ApiError.__subclasses__())


def _refused(_: Request[Any, Any, Any], error: ApiError) -> Response[Any]:
    return Response(
        error.body(),
        status_code=error.http_status,
        headers=error.headers,
        media_type=GOOGLE_JSON,
    )


def _oauth_refused(_: Request[Any, Any, Any], error: OAuthError) -> Response[Any]:
    return Response(
        error.body(),
        status_code=error.http_status,
        headers=error.headers,
        media_type=GOOGLE_JSON,
    )


def _telegram_refused(_: Request[Any, Any, Any], error: TelegramError) -> Response[Any]:
    wait = error.retry_after_seconds
    return Response(
        error.body(),
        status_code=error.error_code,
        headers={} if wait is None else {"Retry-After": str(wait)},
    )


def _http_refused(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What the framework refuses: no such route, wrong method, a body that is no JSON."""
    status = STATUS_OF.get(error.status_code, "INTERNAL")
    message = f"{error.detail}: {error.extra}" if error.extra else error.detail
    body = {"error": {"code": error.status_code, "message": message, "status": status}}
    return Response(body, status_code=error.status_code, media_type=GOOGLE_JSON)
