"""/v1/events: what happens to the trader, as server-sent events for the trader's devices."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from app.accesslog.models import Event
from app.api.edge import AnyRequest
from app.api.services import Services
from app.core.errors import Malformed
from app.core.token import TokenKind
from app.watching.models import Ended, Opened, Pulse, Told, Watcher
from app.watching.rules import KINDS
from app.watching.service import Item

LONGEST_WAIT_SECONDS: Final = 25
_RETRY_MILLISECONDS: Final = 2000
"""How soon a client comes back by itself after its connection was lost."""

_MAX_DIGITS: Final = 18
"""Positions are 63-bit numbers; this many decimal digits always fit."""

_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The second tells the proxies that know it to pass on what comes when it comes."""

_json = msgspec.json.Encoder().encode
WaitSeconds = Annotated[int | None, QueryParameter(ge=0, le=LONGEST_WAIT_SECONDS)]


class EventController(Controller):
    tags = ("events",)

    @get("/v1/events", media_type="text/event-stream")
    async def watch(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        wait: WaitSeconds = None,
    ) -> Stream:
        """Approvals asked and decided, sign-ins, revokes, changes of tokens, notices: ids only.

        `id` is the position in the trader's log; with `Last-Event-ID` the stream goes on after it,
        with no gap and no repeat, on any node. It begins with `open` and ends with `end` and a
        reason; a comment every 15 seconds shows that somebody looked. With `wait` it is a long
        poll: it ends with the first that happened, or after so many seconds.
        """
        after = _last_event_id(request)
        principal = await services.edge.token(request, TokenKind.DEVICE)
        await services.edge.log(principal, Event.EVENTS_READ)
        watcher = Watcher(
            trader_id=principal.trader, token_id=principal.token_id, path=principal.path
        )
        items = services.streams.watch(watcher, after=after, wait_seconds=wait)
        return Stream(_frames(items), media_type="text/event-stream", headers=_HEADERS)


def _last_event_id(request: AnyRequest) -> int | None:
    """The position after which to go on, or raise Malformed."""
    values = request.headers.getall("last-event-id", [])
    if not values:
        return None
    if len(values) > 1 or not 0 < len(values[0]) <= _MAX_DIGITS:
        raise Malformed(rule="Last-Event-ID")
    if not (values[0].isascii() and values[0].isdigit()):
        raise Malformed(rule="Last-Event-ID")
    return int(values[0])


async def _frames(items: AsyncIterator[Item]) -> AsyncIterator[bytes]:
    async for item in items:
        yield frame(item)


def frame(item: Item) -> bytes:
    """One event of a `text/event-stream` (WHATWG HTML section 9.2). JSON has no line breaks."""
    match item:
        case Opened():
            head = f"retry: {_RETRY_MILLISECONDS}\nid: {item.position}\nevent: open\ndata: "
            return head.encode() + _json(item) + b"\n\n"
        case Told():
            head = f"id: {item.position}\nevent: {KINDS[item.event]}\ndata: "
            return head.encode() + _json(item) + b"\n\n"
        case Pulse():
            return b": pulse\n\n"
        case Ended():
            return b"event: end\ndata: " + _json(item) + b"\n\n"
