"""The real process on a real socket: what only a server can hold, and how it stops."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from tests.api.caller import Caller, refused
from tests.api.process import DEADLINE_SECONDS, GET, REDEEM, SLACK_SECONDS, ApiProcess
from tests.api.rows import PlatformRow, TraderRow
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Large: " + b"a" * 17_000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"a" * 400) for n in range(60)),
        b"a" * 20_000,
        b"Authorization: DPoP " + b"a" * 40_000 + b"\r\n",
    ],
)
async def test_headers_above_16_kb_are_refused(headers: bytes, process: ApiProcess) -> None:
    answer = await process.raw(GET + headers + b"\r\n", quiet=5)
    assert answer.closed
    assert answer.status in {0, 431}
    assert b"ok" not in answer.raw


async def test_a_request_line_above_16_kb_is_refused(process: ApiProcess) -> None:
    answer = await process.raw(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", quiet=5)
    assert answer.closed
    assert answer.status in {0, 414, 431}


async def test_headers_of_12_kb_are_taken(wire: Caller) -> None:
    response = await wire.call("GET", "/livez", headers={"X-Large": "a" * 12_000})
    assert response.status_code == 200


async def test_an_announced_body_above_64_kb_is_refused_unread(process: ApiProcess) -> None:
    answer = await process.raw(REDEEM + b"Content-Length: 65537\r\n\r\n", quiet=1)
    assert answer.status == 413
    assert answer.code == "body_too_large"


async def test_a_body_that_grows_above_64_kb_is_refused(process: ApiProcess) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = await process.raw(
        REDEEM + b"Transfer-Encoding: chunked\r\n\r\n", *([chunk] * 5), quiet=1
    )
    assert answer.status == 413
    assert answer.code == "body_too_large"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        GET + b"X : y\r\n\r\n",
        GET + b" folded\r\n\r\n",
        GET + b"X: a\0b\r\n\r\n",
        REDEEM + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        REDEEM + b"Content-Length: -1\r\n\r\n",
        REDEEM + b"Content-Length: 0x2\r\n\r\n{}",
        REDEEM + b"Content-Length: 2, 3\r\n\r\n{}",
        REDEEM + b"Transfer-Encoding: gzip, chunked, identity\r\n\r\n",
        REDEEM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_not_served(request_bytes: bytes, process: ApiProcess) -> None:
    answer = await process.raw(request_bytes, quiet=DEADLINE_SECONDS + 2)
    assert answer.status in {0, 400, 408, 505}
    assert b"Traceback" not in answer.raw
    assert answer.closed


async def test_a_second_request_cannot_hide_in_the_body_of_the_first(
    process: ApiProcess,
) -> None:
    hidden = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: x\r\n\r\n"
    smuggled = (
        REDEEM
        + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % (len(hidden) + 5)
        + b"0\r\n\r\n"
        + hidden
    )
    answer = await process.raw(smuggled, quiet=DEADLINE_SECONDS + 1)
    # With both lengths only chunked counts (RFC 9112 section 6.3), or the request is refused.
    assert b"issuer" not in answer.raw or answer.raw.count(b"HTTP/1.1 ") == 2
    assert answer.raw.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    "target", [b"/%ff", b"/\xff", b"/%00", b"/v1/../livez", b"/%2e%2e/livez", b"*"]
)
async def test_a_strange_target_is_not_found_and_not_a_fault(
    target: bytes, process: ApiProcess
) -> None:
    answer = await process.raw(
        b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert answer.status in {400, 404}


async def test_an_upgrade_is_not_followed(process: ApiProcess) -> None:
    upgrade = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = await process.raw(GET + upgrade, quiet=1)
    assert answer.status != 101


async def test_a_bound_token_works_over_the_wire_and_repeated_headers_do_not(
    wire: Caller, trader: TraderRow
) -> None:
    response = await wire.call("GET", "/v1/devices", by=trader.device)
    assert response.status_code == 200
    for repeated, code in (("Authorization", "token_missing"), ("DPoP", "proof_rejected")):
        headers = trader.device.headers("GET", "/v1/devices")
        pairs = [*headers.items(), (repeated, headers[repeated])]
        refused(await wire.call("GET", "/v1/devices", headers=pairs), 401, code)
        joined = headers | {repeated: f"{headers[repeated]}, {headers[repeated]}"}
        response = await wire.call("GET", "/v1/devices", headers=joined)
        assert response.status_code == 401


async def test_a_client_that_hangs_up_in_its_body_leaves_no_trace_of_a_fault(
    process: ApiProcess, wire: Caller
) -> None:
    before = process.log().count("request failed")
    _, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(REDEEM + b"Content-Length: 200\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.2)
    assert (await wire.call("GET", "/livez")).status_code == 200
    assert process.log().count("request failed") == before


async def test_a_pull_goes_through_with_no_other_process_there(
    wire: Caller, trader: TraderRow, platform: PlatformRow
) -> None:
    response = await wire.call("POST", "/v1/break-glass", by=trader.device, body={})
    assert response.status_code == 200
    asked = {"token": trader.grant.token.reveal()}
    answer = await wire.form("/oauth/introspect", asked, client=platform.token)
    assert answer.json() == {"active": False}
    ready = await wire.call("GET", "/readyz")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, True)


async def test_it_stops_at_once_when_nobody_asks_anything(
    module_database: FreshDatabase, tmp_path: Path
) -> None:
    running = ApiProcess(module_database, tmp_path)
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as idle:
        await idle.get("/livez")
        began = time.monotonic()
        assert await asyncio.to_thread(running.stop) == 0, running.log()
    assert time.monotonic() - began < SLACK_SECONDS


async def test_it_stops_at_once_while_a_phone_waits_for_an_approval(
    module_database: FreshDatabase, trader: TraderRow, tmp_path: Path
) -> None:
    running = ApiProcess(module_database, tmp_path)
    async with httpx.AsyncClient(base_url=running.url, timeout=30, trust_env=False) as http:
        path = f"/v1/approvals?wait=4&cursor={trader.approval_id}"
        waiting = asyncio.create_task(Caller(http).call("GET", path, by=trader.device))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        assert await asyncio.to_thread(running.stop) == 0, running.log()
        took = time.monotonic() - began
        await asyncio.gather(waiting, return_exceptions=True)
    assert took < 3
