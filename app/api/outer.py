"""What stands around every request: deadlines in, log of refusals and headers out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from app.accesslog.errors import LogUnavailable
from app.accesslog.log import ReadLog
from app.accesslog.models import SYSTEM_TRADER, Entry, Event
from app.api import problems
from app.api.edge import PRINCIPAL, Principal
from app.api.errors import RequestTooSlow
from app.core.errors import DomainError, Malformed

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Coroutine[Any, Any, Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]
Asgi = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

RECEIVE_SECONDS = 10.0
"""A whole body arrives by then, or the request ends (headers: the server's own deadline)."""

SIGNER_LOGGED = "tripcord.logged"
"""Set in the scope when another process logged the refusal already."""

_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_REFUSED = 400
_UNAVAILABLE = 503


class Outer:
    """An ASGI application around the router.

    A refusal of an authenticated request is durable in the log before its answer leaves; where it
    cannot be logged the answer is 503 (P6).
    """

    def __init__(self, inner: Asgi, read_log: ReadLog) -> None:
        self._inner = inner
        self._read_log = read_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                if message["status"] >= _REFUSED:
                    await self._log_refusal(scope, message["status"])
                started = True
                message = {**message, "headers": _with_headers(message.get("headers", []))}
            await send(message)

        try:
            await self._inner(scope, with_deadline(receive), guarded_send)
        except DomainError as error:
            if started:
                raise
            await send_problem(error, send)

    async def _log_refusal(self, scope: Scope, status: int) -> None:
        principal: Principal | None = scope.get(PRINCIPAL)
        if principal is None or scope.get(SIGNER_LOGGED) or scope.get(problems.UNLOGGABLE):
            return
        entry = Entry(
            trader_id=principal.trader_id or SYSTEM_TRADER,
            event=Event.REQUEST_REFUSED,
            origin=principal.origin,
            token_id=principal.token_id,
            path=principal.path or None,
            outcome="refused",
            rule=f"http_{status}",
        )
        try:
            await self._read_log.append(entry)
        except LogUnavailable:
            # A 503 already says that nothing was done, and often why the log is away as well.
            if status != _UNAVAILABLE:
                raise


def with_deadline(receive: Receive) -> Receive:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + RECEIVE_SECONDS
    complete = False

    async def receive_in_time() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(ends_at):
                message = await receive()
        except TimeoutError:
            raise RequestTooSlow from None
        if (
            message["type"] == "http.disconnect"
        ):  # half a body: theirs to mend, and no fault of ours
            raise Malformed
        complete = not message.get("more_body", False)
        return message

    return receive_in_time


def _with_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    present = {bytes(name).lower() for name, _ in headers}
    return [*headers, *(pair for pair in _HEADERS if pair[0] not in present)]


async def send_problem(error: DomainError, send: Send) -> None:
    response = problems.respond(error)
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": [(b"content-type", b"application/problem+json"), *_HEADERS],
        }
    )
    await send({"type": "http.response.body", "body": response.content})
