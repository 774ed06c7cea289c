"""Load is shed before any work, and never what cuts or refuses."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.api.cord_lane import CordLane
from app.api.outer import Receive, Scope, Send
from app.api.shedding import Shedding, is_cord
from app.core.errors import Malformed

ID = UUID(int=7)
CUTS = (
    ("POST", "/v1/break-glass"),
    ("POST", "/v1/revocation-cards/redeem"),
    ("DELETE", f"/v1/tokens/{ID}"),
    ("PATCH", f"/v1/tokens/{ID}/state"),
    ("POST", f"/v1/sessions/{ID}/not-me"),
    ("POST", f"/v1/devices/{ID}/lost"),
    ("POST", f"/v1/approvals/{ID}/decision"),
    ("GET", "/card"),
    ("GET", "/card/card.js"),
)
OTHERS = (
    ("GET", f"/v1/tokens/{ID}"),
    ("POST", "/v1/tokens"),
    ("POST", "/v1/break-glass/"),
    ("GET", "/v1/break-glass"),
    ("POST", "/x/v1/break-glass"),
    ("DELETE", f"/v1/tokens/{ID}\n"),
    ("GET", f"/v1/tokens/{ID}/state"),
    ("POST", f"/v1/tokens/{ID}/state/lift"),
    ("DELETE", f"/v1/revocation-cards/{ID}"),
    ("POST", "/v1/orders"),
    ("GET", "/v1/revocations"),
)


def scope(method: str, path: str, query: bytes = b"") -> Scope:
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": []}


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"{}", "more_body": False}


class Counting:
    """An application that answers 200 when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.begun += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(app: Any, method: str, path: str, query: bytes = b"") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope(method, path, query), _receive, send)
    return sent


@pytest.mark.parametrize(("method", "path"), CUTS)
def test_what_cuts_is_known_by_its_route(method: str, path: str) -> None:
    assert is_cord(method, path)


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_nothing_else_is_taken_for_it(method: str, path: str) -> None:
    assert not is_cord(method, path)


async def test_beyond_the_limit_the_answer_is_at_once_and_what_cuts_goes_through() -> None:
    inner, cord = Counting(), Counting()
    cord.go.set()
    app = Shedding(inner, cord, {"working": 3, "introspecting": 2, "waiting": 1})
    waiting = [asyncio.create_task(ask(app, "GET", "/v1/devices")) for _ in range(3)]
    await asyncio.sleep(0)
    start, body = await ask(app, "GET", "/v1/devices")
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"]) == (503, b"1")
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert b'"urn:tripcord:problem:overloaded"' in body["body"]
    for method, path in CUTS:
        assert (await ask(app, method, path))[0]["status"] == 200
    assert (inner.begun, cord.begun) == (3, len(CUTS))
    # Each budget is its own.
    others = [
        asyncio.create_task(ask(app, "POST", "/oauth/introspect")),
        asyncio.create_task(ask(app, "GET", "/v1/approvals", b"wait=20")),
    ]
    await asyncio.sleep(0)
    assert inner.begun == 5
    inner.go.set()
    answers = await asyncio.gather(*waiting, *others)
    assert {answer[0]["status"] for answer in answers} == {200}
    assert (await ask(app, "GET", "/v1/devices"))[0]["status"] == 200


async def test_a_request_that_failed_gives_its_place_back() -> None:
    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise Malformed

    app = Shedding(failing, failing, {"working": 1, "introspecting": 1, "waiting": 1})
    for _ in range(3):
        with pytest.raises(Malformed):
            await ask(app, "GET", "/v1/devices")


class Opened:
    """What a lane opens: an application that says which loop ran it, and may end its lane."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.loops: list[Any] = []

    async def __aenter__(self) -> Any:
        if self.broken:
            raise Malformed
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.loops.append(asyncio.get_running_loop())
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def test_the_lane_answers_on_a_loop_of_its_own_while_ours_is_busy() -> None:
    opened, fallback = Opened(), Counting()
    lane = CordLane(lambda: opened, fallback)
    await lane.start()
    try:
        answer = await ask(lane, "POST", "/v1/break-glass")
        assert (answer[0]["status"], answer[1]["body"]) == (200, b"{}")
        assert opened.loops[0] is not asyncio.get_running_loop()
    finally:
        await lane.stop()


async def test_without_a_lane_the_api_itself_answers() -> None:
    fallback = Counting()
    fallback.go.set()
    lane = CordLane(Opened, fallback)
    await lane.start()
    await lane.stop()
    assert (await ask(lane, "POST", "/v1/break-glass"))[0]["status"] == 200
    assert fallback.begun == 1


async def test_a_lane_that_cannot_start_says_why(caplog: pytest.LogCaptureFixture) -> None:
    lane = CordLane(lambda: Opened(broken=True), Counting())
    with pytest.raises(Malformed):
        await lane.start()
    assert "the cord's lane ended" in caplog.text


async def test_half_a_body_takes_no_place_among_those_under_way() -> None:
    inner = Counting()
    inner.go.set()
    app = Shedding(inner, inner, {"working": 1})
    never = asyncio.Event()

    async def half() -> dict[str, Any]:
        await never.wait()
        raise AssertionError

    announced = scope("POST", "/v1/sessions") | {"headers": [(b"content-length", b"100")]}
    waiting = [asyncio.create_task(app(announced, half, _drop)) for _ in range(50)]
    await asyncio.sleep(0)
    assert inner.begun == 0
    assert (await ask(app, "POST", "/v1/tokens"))[0]["status"] == 200
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_bodies_on_their_way_are_bounded_and_a_pulls_own_is_not() -> None:
    inner, cord = Counting(), Counting()
    inner.go.set()
    cord.go.set()
    app = Shedding(inner, cord, {"arriving": 0})
    headers = {"headers": [(b"content-length", b"2")]}
    for path, status in (("/v1/tokens", 503), ("/v1/break-glass", 200)):
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any], sent: list[dict[str, Any]] = sent) -> None:
            sent.append(message)

        await app(scope("POST", path) | headers, _receive, send)
        assert sent[0]["status"] == status


async def test_strangers_with_cards_have_a_budget_of_their_own() -> None:
    cord = Counting()
    app = Shedding(cord, cord, {"open": 2})
    path = "/v1/revocation-cards/redeem"
    trying = [asyncio.create_task(ask(app, "POST", path)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (await ask(app, "POST", path))[0]["status"] == 503
    pulling = asyncio.create_task(ask(app, "POST", "/v1/break-glass"))
    await asyncio.sleep(0)
    assert cord.begun == 3
    cord.go.set()
    assert (await pulling)[0]["status"] == 200
    await asyncio.gather(*trying)


async def test_a_wait_elsewhere_is_no_long_poll() -> None:
    inner = Counting()
    app = Shedding(inner, inner, {"working": 1})
    first = asyncio.create_task(ask(app, "GET", "/v1/tokens", b"wait=1"))
    await asyncio.sleep(0)
    assert (await ask(app, "GET", "/v1/tokens", b"wait=1"))[0]["status"] == 503
    inner.go.set()
    await first


async def _drop(_message: dict[str, Any]) -> None:
    """Nobody listens."""
