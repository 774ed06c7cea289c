"""What stands around every request: deadlines in, log of refusals and headers out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from app.accesslog.errors import LogUnavailable
from app.accesslog.log import ReadLog
from app.accesslog.models import SYSTEM_TRADER, Entry, Event
from app.api import problems
from app.api.edge import NONCE, PRINCIPAL, Principal
from app.api.errors import RequestTooSlow
from app.core.errors import DomainError, Malformed

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Coroutine[Any, Any, Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]
Asgi = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

RECEIVE_SECONDS = 10.0
"""A whole body arrives by then, or the request ends (headers: the server's own deadline)."""

_LOOK_SECONDS = 0.25

SIGNER_LOGGED = "tripcord.logged"
"""Set in the scope when another process logged the refusal already."""

HEADERS = [
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
        self._deadlines = _Deadlines()

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
                if NONCE in scope:  # RFC 9449 section 8.2
                    message["headers"].append((b"dpop-nonce", scope[NONCE].encode()))
            await send(message)

        try:
            await self._inner(scope, with_deadline(receive, self._deadlines), guarded_send)
        except DomainError as error:
            if started:
                raise
            await send_refusal(scope["path"], error, send)

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


class _Deadlines:
    """Ends waits for bodies that take too long, all of them by one timer.

    A timer per request costs more than some answers; one that looks every `_LOOK_SECONDS` ends a
    wait at most so much later.
    """

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        self._is_looking = False

    async def receive(self, receive: Receive, ends_at: float) -> Message:
        """The next message, or raise RequestTooSlow when the time is over."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None or loop.time() >= ends_at:
            raise RequestTooSlow
        self._waiting[task] = ends_at
        if not self._is_looking:
            self._is_looking = True
            loop.call_later(_LOOK_SECONDS, self._look, loop)
        try:
            return await receive()
        except asyncio.CancelledError:
            if task not in self._overdue:
                raise
            task.uncancel()
            raise RequestTooSlow from None
        finally:
            self._waiting.pop(task, None)
            self._overdue.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, ends_at in self._waiting.items() if ends_at <= now]:
            del self._waiting[task]
            self._overdue.add(task)
            task.cancel()
        self._is_looking = bool(self._waiting)
        if self._is_looking:
            loop.call_later(_LOOK_SECONDS, self._look, loop)


def with_deadline(receive: Receive, deadlines: _Deadlines | None = None) -> Receive:
    """`receive`, ending when a whole body is not there in time. `deadlines` are of one loop."""
    ending = deadlines or _Deadlines()
    ends_at = asyncio.get_running_loop().time() + RECEIVE_SECONDS
    complete = False

    async def receive_in_time() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        message = await ending.receive(receive, ends_at)
        if (
            message["type"] == "http.disconnect"
        ):  # half a body: theirs to mend, and no fault of ours
            raise Malformed
        complete = not message.get("more_body", False)
        return message

    return receive_in_time


def _with_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    present = {bytes(name).lower() for name, _ in headers}
    return [*headers, *(pair for pair in HEADERS if pair[0] not in present)]


async def send_problem(error: DomainError, send: Send) -> None:
    """Answer with a problem document, without the framework."""
    await send_refusal("", error, send)


async def send_refusal(path: str, error: DomainError, send: Send) -> None:
    """Like `send_problem`, in the dialect of the route that was asked."""
    response = problems.respond_at(path, error)
    headers = {"content-type": str(response.media_type), **response.headers}
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": _with_headers(told),
        }
    )
    await send({"type": "http.response.body", "body": response.content})
