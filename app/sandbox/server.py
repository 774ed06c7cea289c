"""HTTP: one low-level aiohttp handler, so that the signed bytes are the bytes that arrived."""

import asyncio
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, NoReturn

import msgspec
from aiohttp import web

from app.sandbox import admin, routes_account, routes_market, routes_trade
from app.sandbox.auth import SignedRequest, authenticate
from app.sandbox.errors import VenueError, banned, execution_unknown, too_much_weight
from app.sandbox.faults import Fault, Mode
from app.sandbox.keeper import Keeper
from app.sandbox.params import Params
from app.sandbox.routing import Call, Routes
from app.sandbox.venue import AdminRequestRefused, UnknownKey, Venue

ROUTES: Routes = {**routes_market.ROUTES, **routes_trade.ROUTES, **routes_account.ROUTES}
PATHS = frozenset(path for _, path in ROUTES)
HANG_MS = 60_000  # of a hang that names no time
FORM = "application/x-www-form-urlencoded"

_encoder = msgspec.json.Encoder()
_INSTEAD = (Mode.ERROR_500, Mode.RATE_LIMIT, Mode.BAN, Mode.HANG, Mode.RESET)


class ConnectionBroken(Exception):
    """The fault switch wants no answer on this connection."""


class Server:
    def __init__(self, venue: Venue, keeper: Keeper) -> None:
        self._venue = venue
        self._keeper = keeper

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        try:
            if path.startswith(admin.PREFIX):
                return await self._admin(request, path)
            return await self._api(request, path, query.encode())
        except VenueError as refused:
            return refusal(refused)
        except ConnectionBroken:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _api(self, request: web.BaseRequest, path: str, query: bytes) -> web.StreamResponse:
        body = await read_body(request)
        fault = self._venue.faults.take(path, request.method)
        if fault is not None:
            await self._before(request, fault)
        response = self._run(request, path, query, body)
        if fault is not None:
            await self._after(request, fault)
        return response

    def _run(self, request: web.BaseRequest, path: str, query: bytes, body: bytes) -> web.Response:
        """Execute without awaiting: requests are one after the other."""
        route = ROUTES.get((request.method, path))
        if route is None:
            if path not in PATHS:
                return web.Response(status=HTTPStatus.NOT_FOUND, text="Not Found")
            raise VenueError(
                -1020,
                "This operation is not supported.",
                status=HTTPStatus.METHOD_NOT_ALLOWED,
            )
        venue, now, remote = self._venue, self._venue.clock(), request.remote or ""
        params = Params(query, body)
        used = venue.meter.charge(remote, route.weight(params), now)
        # Without a limit there is nothing to be careful of, so a benchmark is not slowed down.
        told = {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
        headers = told if venue.meter.limits.weight_per_minute else {}
        try:
            caller = None
            if route.permission is not None:
                signed = SignedRequest(request.headers.get("X-MBX-APIKEY"), query, body, remote)
                caller = authenticate(
                    signed, params, venue.keys, now=now, permission=route.permission
                )
            answer = route.handler(Call(venue, params, now, caller, headers))
            if not route.mutates:
                params.finish()
        except VenueError as refused:
            return refusal(refused, headers)
        if route.mutates:
            self._keeper.touch()
        return reply(answer, headers=headers)

    async def _before(self, request: web.BaseRequest, fault: Fault) -> None:
        """Faults that come before (or instead of) running the request."""
        if fault.mode is Mode.DELAY:
            await asyncio.sleep(fault.ms / 1_000)
        elif fault.mode in _INSTEAD:
            await self._fail(request, fault)

    async def _after(self, request: web.BaseRequest, fault: Fault) -> None:
        """Faults that hide the answer of a request that ran."""
        if fault.mode in (Mode.ERROR_500_AFTER, Mode.HANG_AFTER, Mode.RESET_AFTER):
            await self._fail(request, fault)

    async def _fail(self, request: web.BaseRequest, fault: Fault) -> NoReturn:
        seconds = max(1, -(-fault.ms // 1_000))
        if fault.mode is Mode.RATE_LIMIT:
            raise too_much_weight(self._venue.meter.limits.weight_per_minute, seconds)
        if fault.mode is Mode.BAN:
            raise banned(self._venue.clock() + seconds * 1_000, seconds)
        if fault.mode in (Mode.HANG, Mode.HANG_AFTER):
            await hang(request, (fault.ms or HANG_MS) / 1_000)
        if fault.mode in (Mode.ERROR_500, Mode.ERROR_500_AFTER):
            raise execution_unknown()
        raise ConnectionBroken

    async def _admin(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        check_local(request)
        body = await request.read()
        try:
            answer = admin.handle(self._venue, request.method, path, body)
        except (admin.NoSuchAdminRoute, UnknownKey):
            return reply({"error": "not found"}, status=HTTPStatus.NOT_FOUND)
        except (AdminRequestRefused, msgspec.DecodeError) as refused:
            return reply({"error": str(refused)}, status=HTTPStatus.BAD_REQUEST)
        if request.method != "GET":
            await self._keeper.write()
        created = request.method == "POST" and path == f"{admin.PREFIX}keys"
        return reply(answer, status=HTTPStatus.CREATED if created else HTTPStatus.OK)


def reply(
    answer: Any, *, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status,
        body=_encoder.encode(answer),
        content_type="application/json",
        headers=headers,
    )


def refusal(refused: VenueError, headers: dict[str, str] | None = None) -> web.Response:
    headers = dict(headers or {})
    if refused.retry_after_seconds is not None:
        headers["Retry-After"] = str(refused.retry_after_seconds)
    answer = {"code": refused.code, "msg": refused.message}
    return reply(answer, status=refused.status, headers=headers)


async def read_body(request: web.BaseRequest) -> bytes:
    """The form as sent; a GET has none, and another content type is not a form."""
    if request.method == "GET" or not request.body_exists:
        return b""
    if request.content_type != FORM:
        raise VenueError(-1130, "Invalid data sent for a parameter.")
    return await request.read()


async def hang(request: web.BaseRequest, seconds: float) -> None:
    """Wait, but not longer than the client does."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(min(0.05, seconds))


def check_local(request: web.BaseRequest) -> None:
    host = request.headers.get("Host", "").rsplit(":", 1)[0].strip("[]")
    form = request.body_exists and request.content_type != "application/json"
    if form or not is_loopback(host) or not is_loopback(request.remote or ""):
        raise VenueError(-1011, "This IP cannot access this route.", status=HTTPStatus.FORBIDDEN)


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback address or the name every machine gives it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
