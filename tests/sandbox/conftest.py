"""A venue on a thread of its own, so that blocking clients can be tried against it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager

import pytest

from app.sandbox.limits import Limits
from app.sandbox.service import Options, Sandbox
from tests.sandbox.support import Client, new_client

Start = Callable[[Options], Sandbox]


@contextmanager
def running(options: Options) -> Iterator[Sandbox]:
    ready: Future[tuple[Sandbox, asyncio.AbstractEventLoop]] = Future()
    stopped = asyncio.Event()

    async def serve() -> None:
        async with Sandbox(options) as sandbox:
            ready.set_result((sandbox, asyncio.get_running_loop()))
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        sandbox, loop = ready.result(timeout=10)
        yield sandbox
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda options: stack.enter_context(running(options))


@pytest.fixture
def sandbox(start: Start) -> Sandbox:
    """Without rate limits: those have tests of their own."""
    return start(Options(limits=Limits(0, 0, 0)))


@pytest.fixture
def url(sandbox: Sandbox) -> str:
    return sandbox.url


@pytest.fixture
def client(url: str) -> Client:
    return new_client(url)
