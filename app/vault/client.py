"""The signer's side of the HSM: two supervised workers, "hot" and "keys".

A key pair that takes the HSM seconds must not stand before a signature: hence two. Each is killed
when one of its calls misses its deadline, and started again with growing pauses; while it is down,
calls fail at once. After a refused PIN neither is started again.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Self, TypeVar

import msgspec

from app.vault import wire
from app.vault.errors import HsmUnavailable, ModuleRefused, PinRefused
from app.vault.link import Link
from app.vault.models import DEADLINE_SECONDS, HsmStatus, VaultConfig

T = TypeVar("T")

START_SECONDS: Final = 20.0
"""Longest wait for a child to load, log in and test the module."""
DRAIN_SECONDS: Final = 2.0
"""How long a worn worker may finish what it was asked."""
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 30.0
"""A worker that lived this long starts again without a pause."""

_STATUS: Final = msgspec.msgpack.Decoder(HsmStatus)


class _Fatal:
    """A refusal that only a person lifts. One for both workers: one wrong PIN, one attempt."""

    def __init__(self) -> None:
        self.refusal: HsmUnavailable | None = None

    def check(self) -> None:
        if self.refusal is not None:
            raise type(self.refusal)(rule=self.refusal.rule)


class WorkerClient:
    """Calls one worker and keeps it alive."""

    def __init__(self, role: wire.Role, config: VaultConfig, fatal: _Fatal) -> None:
        self._role: wire.Role = role
        self._config = config
        self._fatal = fatal
        self._link: Link | None = None
        self._starting: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._started_at = 0.0
        self._pause_seconds = 0.0
        self._stopped = False
        self._pinned = config.expected_check_values
        self.starts = 0
        """Children started so far: one more than the restarts."""

    @property
    def pid(self) -> int | None:
        """Process id of the worker that answers now, None while there is none."""
        return None if self._link is None else self._link.pid

    async def start(self) -> HsmStatus:
        """Start the first child and wait until it serves.

        Raises
        ------
        PinRefused, ModuleRefused
            Remembered: no later start tries again.
        HsmUnavailable
            No token, no module, or no answer in time.
        """
        self._stopped = False
        self._link, status = await self._spawn()
        return status

    async def call(
        self, request: wire.Request, decoder: msgspec.msgpack.Decoder[T], *, deadline_seconds: float
    ) -> T:
        """One request. Several may be in flight; they are answered in order.

        Raises
        ------
        HsmUnavailable
            No worker, or no answer within the deadline. Whether the HSM did it is unknown.
        DomainError
            The worker's refusal.
        """
        self._fatal.check()
        if self._link is None:
            raise HsmUnavailable
        return await self._link.call(request, decoder, deadline_seconds=deadline_seconds)

    async def stop(self) -> None:
        """End the child; nothing starts again."""
        self._stopped = True
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        await asyncio.gather(*self._closing)

    async def _spawn(self) -> tuple[Link, HsmStatus]:
        self._fatal.check()
        self.starts += 1
        link = Link(self._lost, self._retiring)
        try:
            await link.start()
            hello = wire.Hello(
                role=self._role,
                module=str(self._config.module),
                profile=self._config.profile,
                directory=str(self._config.directory),
                token_label=self._config.token_label,
                pin=self._config.pin.reveal(),
                development=self._config.development,
                expected_check_values=self._pinned,
                recycle_after_unwraps=self._config.recycle_after_unwraps,
            )
            status = await link.call(hello, _STATUS, deadline_seconds=START_SECONDS)
        except (PinRefused, ModuleRefused) as refusal:
            self._fatal.refusal = refusal
            await link.close()
            raise
        except BaseException:
            await link.close()
            raise
        # Whatever the first child found is what every later one must find.
        self._pinned = status.check_values
        self._started_at = asyncio.get_running_loop().time()
        return link, status

    def _lost(self, link: Link) -> None:
        _keep(self._closing, link.close())
        if link is not self._link:
            return
        self._link = None
        if not self._stopped:
            _keep(self._starting, self._revive())

    async def _revive(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._started_at > STEADY_SECONDS:
            self._pause_seconds = 0.0
        while True:
            await asyncio.sleep(self._pause_seconds)
            doubled = max(2 * self._pause_seconds, FIRST_PAUSE_SECONDS)
            self._pause_seconds = min(doubled, LONGEST_PAUSE_SECONDS)
            try:
                self._link, _ = await self._spawn()
            except (PinRefused, ModuleRefused):
                return
            except (HsmUnavailable, OSError):
                continue
            return

    def _retiring(self, link: Link) -> None:
        """Start the successor first, then switch: no call meets a closed door."""
        if link is self._link and not self._starting and not self._stopped:
            _keep(self._starting, self._succeed(link))

    async def _succeed(self, worn: Link) -> None:
        try:
            successor, _ = await self._spawn()
        except (HsmUnavailable, OSError):
            return  # the worn one goes on and asks again
        if self._link is worn:
            self._link = successor
            _keep(self._closing, worn.close(drain_seconds=DRAIN_SECONDS))
        else:
            await successor.close()


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)  # the loop itself holds tasks weakly
    task.add_done_callback(tasks.discard)


class HsmWorkers:
    """Both workers under one roof: `async with HsmWorkers(config) as workers`."""

    def __init__(self, config: VaultConfig) -> None:
        fatal = _Fatal()
        self.hot = WorkerClient("hot", config, fatal)
        self.keys = WorkerClient("keys", config, fatal)
        self._status: HsmStatus | None = None

    @property
    def status(self) -> HsmStatus:
        """What the hot worker found when it first started."""
        if self._status is None:
            raise HsmUnavailable
        return self._status

    async def start(self) -> HsmStatus:
        """Start both, one after the other: a wrong PIN is tried once, not twice.

        Raises
        ------
        PinRefused, ModuleRefused, HsmUnavailable
            Neither worker is left running.
        """
        try:
            self._status = await self.hot.start()
            await self.keys.start()
        except BaseException:
            await self.stop()
            raise
        return self._status

    async def probe(self, *, deadline_seconds: float = DEADLINE_SECONDS) -> HsmStatus:
        """Ask the hot worker how it is, for readiness."""
        return await self.hot.call(wire.Status(), _STATUS, deadline_seconds=deadline_seconds)

    async def stop(self) -> None:
        await asyncio.gather(self.hot.stop(), self.keys.stop())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
