"""The cord's own worker: an event loop in a thread of its own, with its own connections.

The api's loop may be busy with whatever is asked of it; a revoke that ran there would stand in line
at every step it takes, and it takes about a dozen. So that loop only carries a cord's request in
and its answer out, and all steps between run here. The interpreter is shared, and changes threads
at least every `SWITCH_SECONDS`.
"""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvloop

from app.api.bodies import arrived, check_announced, whole
from app.api.outer import Asgi, Message, Receive, Scope, Send, send_problem, with_deadline
from app.core.errors import DomainError

SWITCH_SECONDS = 0.0005
"""Longest turn of one thread while another waits; CPython's own is ten times that."""

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_LOG = logging.getLogger(__name__)


class CordLane:
    """`open_app` opens an ASGI application inside this lane; `fallback` is the api's own.

    The fallback answers when the lane has died: slower under load, and never not at all.
    """

    def __init__(
        self, open_app: Callable[[], AbstractAsyncContextManager[Asgi]], fallback: Asgi
    ) -> None:
        self._open_app = open_app
        self._fallback = fallback
        self._running: tuple[asyncio.AbstractEventLoop, Asgi, asyncio.Event] | None = None
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._under_way: set[asyncio.Task[list[Message]]] = set()
        self._thread = threading.Thread(target=self._run, name="cord", daemon=True)

    async def start(self) -> None:
        """Return when the lane takes requests; raise what kept it from starting."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread.start()
        await asyncio.to_thread(self._ready.wait, _START_SECONDS)
        if self._failed is not None:
            raise self._failed

    async def stop(self) -> None:
        if self._running is not None:
            loop, _, stopping = self._running
            loop.call_soon_threadsafe(stopping.set)
            await asyncio.to_thread(self._thread.join, _STOP_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._running is None:
            await self._fallback(scope, receive, send)
            return
        loop, app, _ = self._running
        try:
            check_announced(scope)
            body = await whole(with_deadline(receive))
        except DomainError as error:
            await send_problem(error, send)
            return
        for message in await self._in_lane(loop, _answer(app, scope, body)):
            await send(message)

    async def _in_lane(
        self, lane: asyncio.AbstractEventLoop, answering: Coroutine[Any, Any, list[Message]]
    ) -> list[Message]:
        """Run it over there and wait here. Whoever pulled and hung up has pulled: it runs on.

        By hand, because each of `wrap_future` and `shield` costs a turn of our busy loop.
        """
        ours = asyncio.get_running_loop()
        ended: asyncio.Future[asyncio.Task[list[Message]]] = ours.create_future()

        def tell(task: asyncio.Task[list[Message]]) -> None:
            if not ended.done():
                ended.set_result(task)

        def end(task: asyncio.Task[list[Message]]) -> None:
            self._under_way.discard(task)
            ours.call_soon_threadsafe(tell, task)

        def begin() -> None:
            task = lane.create_task(answering)
            self._under_way.add(task)
            task.add_done_callback(end)

        lane.call_soon_threadsafe(begin)
        return (await ended).result()

    def _run(self) -> None:
        try:
            uvloop.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - whatever it was, `start` tells it
            self._failed = error
            _LOG.exception("the cord's lane ended; the api's own loop answers instead")
        finally:
            self._running = None
            self._ready.set()

    async def _serve(self) -> None:
        async with self._open_app() as app:
            stopping = asyncio.Event()
            self._running = asyncio.get_running_loop(), app, stopping
            self._ready.set()
            await stopping.wait()


async def _answer(app: Asgi, scope: Scope, body: bytes) -> list[Message]:
    """Run one request that has arrived whole, and collect its answer."""
    answer: list[Message] = []

    async def send(message: Message) -> None:
        answer.append(message)

    await app(scope, arrived(body), send)
    return answer
