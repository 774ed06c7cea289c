"""/oauth/introspect (RFC 7662): an ASGI handler of its own, because it is asked all the time.

It passes by the framework and by `outer`: `beside` hands it what `shedding` let through, whole. The
framework keeps its route, for the schema that is written by hand in `introspection_schema` (a test
compares the two) and for the table of routes.
"""

import re
from typing import Any, NamedTuple

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from app.accesslog.models import SYSTEM_TRADER, Entry, Event
from app.api import problems
from app.api.errors import BodyTooLarge, MethodNotAllowed, TokenMissing, TooManyRequests
from app.api.forms import FORM_TYPE, parse_form
from app.api.outer import HEADERS, Asgi, send_refusal
from app.api.services import Services
from app.core import token
from app.core.errors import DomainError, Malformed, Unavailable
from app.core.origin import Origin
from app.core.token import Token, TokenKind, TokenMalformed
from app.introspection.models import Question, answer_bytes
from app.platforms.errors import ClientRejected

PATH = "/oauth/introspect"
METHODS = ("POST",)
MAX_BODY_BYTES = 64 * 1024

MAX_IN_FLIGHT = 256
"""Requests of one access token under way on this node; the next is told to come back."""

MAX_IN_FLIGHT_OF_ALL = 2048
"""Whoever they are: a batch must not become older than what makes it durable allows."""

_ASKED = (TokenKind.DEVICE, TokenKind.SESSION, TokenKind.GRANT, TokenKind.PLATFORM)
_PLAIN = re.compile(rb"token=([0-9A-Za-z_]{1,128})\Z")
"""What nearly every form is: one parameter, with nothing to decode."""

_ALLOW = [(b"allow", b"OPTIONS, POST")]
_HEADERS = ((b"content-type", b"application/json"), *HEADERS)


def beside(inner: Asgi, face: "Face") -> Asgi:
    """An application that answers introspections by `face`, and all else by `inner`."""

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        answering = face.respond if scope.get("path") == PATH else inner
        await answering(scope, receive, send)

    return dispatch


def introspection(face: "Face") -> ASGIRouteHandler:
    """The framework's route to `face`."""

    @asgi(PATH, copy_scope=False, opt={"methods": METHODS})
    async def introspect(scope: Scope, receive: Receive, send: Send) -> None:
        await face.respond(scope, receive, send)

    return introspect


class _Head(NamedTuple):
    """What of the headers counts. Repeated ones are kept apart, because two are none."""

    authorization: list[str]
    content_type: str
    content_length: int
    forwarded: list[str]
    agent: str | None

    @classmethod
    def of(cls, scope: Any) -> "_Head":
        authorization: list[str] = []
        forwarded: list[str] = []
        content_type, content_length, agent = "", 0, None
        for name, value in scope["headers"]:
            match name.lower():
                case b"authorization":
                    authorization.append(value.decode("latin-1"))
                case b"content-type":
                    content_type = value.partition(b";")[0].strip().lower().decode("latin-1")
                case b"content-length":
                    content_length = int(value) if value.isdigit() else 0
                case b"x-forwarded-for":
                    forwarded.append(value.decode("latin-1"))
                case b"user-agent":
                    agent = value.decode("latin-1")
                case _:
                    pass
        return cls(authorization, content_type, content_length, forwarded, agent)


class Face:
    """Answers, refuses and logs on its own: nothing stands around it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._in_flight: dict[str, list[Token]] = {}
        """By access token as presented: once per request under way, parsed once for all of them."""
        self._all_in_flight = 0

    async def respond(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or refuse it; either way it is in the log first."""
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": _ALLOW})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            body = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - a fault of ours is told as one, and only logged
            await send_refusal(PATH, problems.in_our_words(error), send)
            return
        headers = [(b"content-length", b"%d" % len(body)), *_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Any, receive: Any) -> bytes:
        if scope["method"] not in METHODS:
            raise MethodNotAllowed
        head = _Head.of(scope)
        presented = _bearer(head)
        client = scope.get("client")
        origin = self._services.edge.observed(client and client[0], head.forwarded, head.agent)
        caller: Token | None = None
        try:
            others = self._in_flight.get(presented)
            caller = others[0] if others else token.parse(presented, TokenKind.CLIENT)
            if len(others or ()) >= MAX_IN_FLIGHT or self._all_in_flight >= MAX_IN_FLIGHT_OF_ALL:
                raise TooManyRequests(retry_after_seconds=1)
            about = _asked(await _form_body(head, receive))
        except DomainError as refused:
            await self._log_miss(origin, caller, refused)
            raise
        under_way = self._in_flight.setdefault(presented, [])
        under_way.append(caller)
        self._all_in_flight += 1
        try:
            return await self._ask(Question(caller=caller, about=about, origin=origin))
        finally:
            self._all_in_flight -= 1
            under_way.pop()
            if not under_way:
                del self._in_flight[presented]

    async def _ask(self, question: Question) -> bytes:
        found = await self._services.introspections.ask(question)
        if not found.is_known:  # and so it was logged, in the statement that found it
            raise ClientRejected
        if question.about is None:
            return answer_bytes(self._services.public_origin, question.caller, found)
        return answer_bytes(self._services.public_origin, question.about, found)

    async def _log_miss(self, origin: Origin, caller: Token | None, refused: DomainError) -> None:
        """Like the edge's: what was presented is told of, whatever was wrong with the rest."""
        if isinstance(refused, Unavailable):
            return
        await self._services.read_log.append(
            Entry(
                trader_id=SYSTEM_TRADER,
                event=Event.REQUEST_REFUSED,
                origin=origin,
                subject_id=None if caller is None else caller.token_id,
                outcome="refused",
                rule=refused.code,
            )
        )


def _bearer(head: _Head) -> str:
    if len(head.authorization) != 1:
        raise TokenMissing
    scheme, _, presented = head.authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not presented:
        raise TokenMissing
    return presented.strip()


def _asked(raw: bytes) -> Token | None:
    plain = _PLAIN.match(raw)
    text = plain[1].decode() if plain else parse_form(raw).get("token", "")
    try:
        return token.parse(text, *_ASKED)
    except TokenMalformed:
        return None


async def _form_body(head: _Head, receive: Any) -> bytes:
    if head.content_type != FORM_TYPE:
        raise Malformed
    if head.content_length > MAX_BODY_BYTES:
        raise BodyTooLarge
    message = await receive()
    raw: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(raw) <= MAX_BODY_BYTES:
        message = await receive()
        raw += message.get("body", b"")
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return raw
