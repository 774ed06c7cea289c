"""Starting and stopping the venue from code.

async with Sandbox(Options()) as sandbox:
    sandbox.url   # "http://127.0.0.1:49152"
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from app.sandbox import state
from app.sandbox.keeper import Keeper
from app.sandbox.limits import Limits
from app.sandbox.server import Server, is_loopback
from app.sandbox.venue import Venue, wall_clock

SHUTDOWN_SECONDS = 1.0
BACKLOG = 1_024


class NotLoopback(ValueError):
    """The sandbox gives money to whoever asks; it does not listen where others can ask."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`port` 0 takes a free one; `data` None keeps everything in memory."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    data: Path | None = None
    limits: Limits = Limits()


class Sandbox:
    """Raises `NotLoopback` when made for another address, OSError when the port is taken."""

    def __init__(self, options: Options, *, clock: Callable[[], int] = wall_clock) -> None:
        if not is_loopback(options.host):
            raise NotLoopback(f"{options.host} is not a loopback address")
        self._options = options
        self.venue = Venue(seed=options.seed, limits=options.limits, clock=clock)
        kept = None if options.data is None else state.load(options.data)
        if kept is not None:
            state.restore(self.venue, kept)
        self.venue.house.open_markets()
        self._runner: web.ServerRunner | None = None
        self._keeper: Keeper | None = None
        self.port = options.port

    @property
    def url(self) -> str:
        host = self._options.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        self._keeper = Keeper(self.venue, self._options.data)
        server = web.Server(Server(self.venue, self._keeper).handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._options.host, self.port, backlog=BACKLOG)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._keeper.start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._keeper is not None:
            await self._keeper.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()
