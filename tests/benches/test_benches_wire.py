"""The client of the benchmarks: every answer counted, a refusal never taken for a quick success."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from http import HTTPStatus

import pytest
from aiohttp import web

from scripts.benches import wire
from scripts.benches.common import BenchFailed

BODY = b'{"order":"x"}'


@pytest.fixture
def origin() -> Iterator[str]:
    """A server that answers 201 with what it got, and 403 at /no; in two writes, to be joined."""
    ready: Future[tuple[int, asyncio.AbstractEventLoop]] = Future()
    stopped = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        said = f"{request.headers['X-Number']} {await request.text()}".encode()
        response = web.StreamResponse(status=403 if request.path == "/no" else 201)
        response.content_length = len(said)
        await response.prepare(request)
        await response.write(said[:1])
        await asyncio.sleep(0.002)
        await response.write(said[1:])
        return response

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.set_result((runner.addresses[0][1], asyncio.get_running_loop()))
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    port, loop = ready.result(timeout=10)
    yield f"http://127.0.0.1:{port}"
    loop.call_soon_threadsafe(stopped.set)
    thread.join(timeout=10)


def ready_made(origin: str, number: int, path: str = "/") -> bytes:
    return wire.request(origin, "POST", path, {"X-Number": str(number)}, BODY)


def test_a_request_goes_out_as_it_was_made() -> None:
    assert ready_made("http://127.0.0.1:80", 7) == (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-Number: 7\r\nContent-Length: 13\r\n\r\n" + BODY
    )


def test_one_connection_answers_one_request_after_the_other(origin: str) -> None:
    with closing(wire.Connection(origin)) as connection:
        answers = [connection.exchange(ready_made(origin, number)) for number in range(3)]
    assert [answer.body for answer in answers] == [b"%d " % n + BODY for n in range(3)]
    assert all(answer.seconds > 0 for answer in answers)
    wire.check(answers, HTTPStatus.CREATED, what="it")


def test_many_clients_get_every_one_of_their_answers(origin: str) -> None:
    ready = [[ready_made(origin, 10 * client + n) for n in range(3)] for client in range(4)]
    answers, seconds = wire.at_once(origin, ready)
    numbers = sorted(int(answer.body.split()[0]) for answer in answers)
    assert numbers == sorted(10 * client + n for client in range(4) for n in range(3))
    assert seconds > 0


def test_a_refusal_is_no_result(origin: str) -> None:
    with closing(wire.Connection(origin)) as connection:
        answers = [connection.exchange(ready_made(origin, 1, "/no"))]
    with pytest.raises(BenchFailed, match="we answered 403 instead of 201"):
        wire.check(answers, HTTPStatus.CREATED, what="we")
