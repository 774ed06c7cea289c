"""Load shedding at the very edge, before any work: the cord keeps its own budget (P1, P7).

One process has one event loop. What waits for the database or the signer costs it nothing, but
what is runnable stands in line with a revoke, and the line grows without bound as soon as more
comes in than can be answered. So beyond a number of requests under way the answer is 503 at once,
from constant bytes. What cuts or refuses is never counted and never shed.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from app.api import problems
from app.api.bodies import announces_body, arrived, check_announced, whole
from app.api.errors import Overloaded
from app.api.outer import Asgi, Receive, Scope, Send, send_refusal, with_deadline
from app.core.errors import DomainError

WORKING = 48
"""Requests under way at once: three times the connections to the database. A longer line makes
everybody wait longer, and it is what a revoke meets in the api's loop: measured with 192 instead,
its 99th percentile under ten times the load was nearly twice as long."""

INTROSPECTING = 256
"""Introspections under way at once. They are short and share one statement, and resource servers
ask from many connections at once."""

WAITING = 1024
"""Long polls under way at once: they sleep, so they have a budget of their own."""

ARRIVING = 1024
"""Bodies on their way in at once, 64 kB each at most. A request counts as under way only when it is
here whole: otherwise a few dozen senders of half a body would shut everybody out."""

OPEN_TO_ALL = 8
"""Cord requests under way at once that need no token first: a card is looked up over the very
connections that a revoke needs, and strangers may try as many cards as they like."""

STREAMING = 4096
"""Streams of events open at once: they sleep as well, and for an hour. Half of all connections."""

LEAKING = 8
"""Reports of leaks under way at once. Anybody may send them and each costs a look-up a token, so
they get through beside everything else and crowd out nothing."""

LIMITS = MappingProxyType(
    {
        "working": WORKING,
        "introspecting": INTROSPECTING,
        "waiting": WAITING,
        "streaming": STREAMING,
        "leaking": LEAKING,
        "arriving": ARRIVING,
        "open": OPEN_TO_ALL,
    }
)

_OPEN = frozenset({"/v1/revocation-cards/redeem", "/oauth/revoke"})
_LANES = {
    "/oauth/introspect": "introspecting",
    "/v1/leaks": "leaking",
    "/v1/events": "streaming",
}
_ID = r"[0-9a-fA-F-]{36}"
_CORD = re.compile(
    rf"POST /v1/break-glass|POST /v1/revocation-cards/redeem|DELETE /v1/tokens/{_ID}"
    rf"|PATCH /v1/tokens/{_ID}/(?:state|limits)|POST /v1/re-enrolments/{_ID}/veto"
    rf"|POST /v1/sessions/{_ID}/not-me|POST /v1/devices/{_ID}/lost"
    rf"|POST /v1/approvals/{_ID}/decision|POST /oauth/revoke"
    r"|GET /card(?:/[a-z.]+)?|GET /livez"
)
"""Revoke, tighten, narrow, break-glass, card, "not me", lost, veto, deny; what a supervisor asks.
A decision may also approve: which of the two it is stands in the body, and a no is never shed."""


class Shedding:
    """Lets through to `inner` what it can answer in time, and to `cord` everything that may cut."""

    def __init__(self, inner: Asgi, cord: Asgi, limits: Mapping[str, int] = LIMITS) -> None:
        self._inner = inner
        self._cord = cord
        self._limits = {**LIMITS, **limits}
        self._under_way = dict.fromkeys(self._limits, 0)
        self._answer = _busy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        cuts = is_cord(scope["method"], scope["path"])
        if announces_body(scope):
            body = await self._arrival(scope, receive, send, counted=not cuts)
            if body is None:
                return
            receive = arrived(body)
        if cuts and scope["path"] not in _OPEN:
            await self._cord(scope, receive, send)
            return
        lane = "open" if cuts else _lane(scope)
        if self._under_way[lane] >= self._limits[lane]:
            await self._turn_away(send)
            return
        self._under_way[lane] += 1
        try:
            await (self._cord if cuts else self._inner)(scope, receive, send)
        finally:
            self._under_way[lane] -= 1

    async def _arrival(
        self, scope: Scope, receive: Receive, send: Send, *, counted: bool
    ) -> bytes | None:
        """The whole body, or None where the request has its answer already."""
        if counted and self._under_way["arriving"] >= self._limits["arriving"]:
            await self._turn_away(send)
            return None
        self._under_way["arriving"] += 1
        try:
            check_announced(scope)
            return await whole(with_deadline(receive))
        except DomainError as error:
            await send_refusal(scope["path"], error, send)
            return None
        finally:
            self._under_way["arriving"] -= 1

    async def _turn_away(self, send: Send) -> None:
        for message in self._answer:
            await send(message)


def is_cord(method: str, path: str) -> bool:
    """Whether a request may cut or refuse, and so is never shed."""
    return _CORD.fullmatch(f"{method} {path}") is not None


def _lane(scope: Scope) -> str:
    if scope["path"] in _LANES:
        return _LANES[scope["path"]]
    waits = scope["path"] == "/v1/approvals" and b"wait=" in scope.get("query_string", b"")
    return "waiting" if waits and scope["method"] == "GET" else "working"


def _busy() -> tuple[dict[str, Any], dict[str, Any]]:
    response = problems.respond(Overloaded())
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(response.content)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in response.headers.items()),
    ]
    return (
        {"type": "http.response.start", "status": response.status_code, "headers": headers},
        {"type": "http.response.body", "body": response.content},
    )
