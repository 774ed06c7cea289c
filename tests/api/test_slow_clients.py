"""Requests that arrive too slowly are cut off; nobody else waits for them."""

import asyncio
import time

import pytest

from tests.api.caller import Caller
from tests.api.process import DEADLINE_SECONDS, GET, REDEEM, SLACK_SECONDS, ApiProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


def trickled(text: bytes) -> tuple[bytes, ...]:
    return tuple(bytes([byte]) for byte in text)


async def test_headers_that_trickle_in_are_cut_off(process: ApiProcess) -> None:
    began = time.monotonic()
    answer = await process.raw(*trickled(GET + b"X-Slow: " + b"a" * 200), pause=0.05, quiet=8)
    assert answer.closed
    assert answer.status in {0, 408}
    assert time.monotonic() - began < DEADLINE_SECONDS + SLACK_SECONDS


async def test_a_connection_that_says_nothing_is_cut_off(process: ApiProcess) -> None:
    began = time.monotonic()
    answer = await process.raw(quiet=8)
    assert answer.closed
    assert time.monotonic() - began < DEADLINE_SECONDS + SLACK_SECONDS


SLOW_BODIES = {
    "a byte at a time": (b"Content-Length: 200\r\n\r\n", *trickled(b" " * 190)),
    "announced and never sent": (b"Content-Length: 20\r\n\r\n",),
    "begun and never ended": (b"Content-Length: 20\r\n\r\n", b'{"card":'),
    "chunks without an end": (
        b"Transfer-Encoding: chunked\r\n\r\n",
        *((b"1\r\n \r\n",) * 190),
    ),
    "a chunk without its bytes": (b"Transfer-Encoding: chunked\r\n\r\n", b"ff\r\n"),
}


@pytest.mark.parametrize("name", SLOW_BODIES)
async def test_a_body_that_trickles_in_is_cut_off_as_a_problem(
    name: str, process: ApiProcess
) -> None:
    head, *rest = SLOW_BODIES[name]
    began = time.monotonic()
    answer = await process.raw(REDEEM + head, *rest, pause=0.05, quiet=2)
    assert answer.status == 408
    assert answer.code == "request_too_slow"
    assert time.monotonic() - began < DEADLINE_SECONDS + 2 + SLACK_SECONDS


async def test_slow_clients_do_not_keep_others_waiting(process: ApiProcess, wire: Caller) -> None:
    slow = [
        asyncio.create_task(
            process.raw(REDEEM + b"Content-Length: 200\r\n\r\n", *trickled(b" " * 60), pause=0.05)
        )
        for _ in range(40)
    ]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(SLACK_SECONDS):
        assert (await wire.call("GET", "/livez")).status_code == 200
    answers = await asyncio.gather(*slow)
    assert {answer.status for answer in answers} == {408}
