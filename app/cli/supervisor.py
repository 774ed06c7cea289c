"""Keep a set of child processes running until somebody says stop.

A child that ends by itself is told of in one line and started again, later each time; all stop in
the reverse of the order they started in. Start it from the main thread: see `app.cli.children`.
"""

import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from app.cli.accounts import Account, spawn_as
from app.cli.children import die_with_parent, open_log

BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
HEALTHY_SECONDS = 60.0
"""A child that lived this long starts over with the shortest pause."""
STOP_SECONDS = 5.0
"""From SIGTERM to SIGKILL."""

NEEDS_A_PERSON = {
    2: "its settings or its command line were refused",
    3: "the HSM module or its keys were refused",
    4: "the HSM refused the PIN",
    78: "its configuration was refused",
}
"""Exit statuses that a restart cannot heal. 78 is EX_CONFIG of sysexits.h; 3 and 4 are the vault's:
a real HSM locks itself when a wrong PIN is tried again and again."""

LAST_LINES = 5

Report = Callable[[str], None]


class Part(msgspec.Struct, frozen=True):
    """One child: what to run, as whom, with which environment (complete), logging to where."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path
    account: Account | None = None
    groups: tuple[int, ...] = ()
    ready: Callable[[], Awaitable[bool]] | None = None


class Running(Protocol):
    """What the supervisor needs of a thing that runs; a child process or PostgreSQL."""

    name: str

    async def watch(self) -> None: ...
    async def stop(self) -> None: ...


class Child:
    """A `Part` that is running, or about to be again."""

    def __init__(self, part: Part, report: Report) -> None:
        self.name = part.name
        self.part = part
        self.gave_up = False
        self._report = report
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Fork and exec; OSError when the program cannot be run."""
        part = self.part
        identity = spawn_as(part.account)
        if part.account is not None:
            identity["extra_groups"] = list(part.groups)
        with open_log(part.log) as log:
            self._process = await asyncio.create_subprocess_exec(
                *part.argv,
                cwd="/",
                env=dict(part.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Own group: Ctrl-C reaches the supervisor alone, which stops them in order.
                start_new_session=True,
                # A socket is for its folder's group; the own group of each account is empty.
                umask=0o007,
                preexec_fn=die_with_parent(signal.SIGKILL),
                **identity,
            )

    async def watch(self) -> None:
        """Wait for the end; report and start again, until stopped or beyond help."""
        failures = 0
        while self._process is not None and not self._stopping:
            began = time.monotonic()
            status = await self._process.wait()
            if self._stopping:
                return
            failures = 0 if time.monotonic() - began > HEALTHY_SECONDS else failures
            pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
            failures += 1
            self.gave_up = status in NEEDS_A_PERSON
            what = NEEDS_A_PERSON.get(status, f"starting it again in {pause:g} s")
            self._report("\n".join([f"{self.name} ended ({told(status)}): {what}", *self._last()]))
            if self.gave_up:
                return
            await asyncio.sleep(pause)
            await self._start_again()

    async def _start_again(self) -> None:
        while not self._stopping:
            try:
                await self.start()
            except OSError as failed:
                self._report(f"{self.name} cannot be started: {failed.strerror}")
                await asyncio.sleep(BACKOFF_SECONDS[-1])
            else:
                return

    async def stop(self) -> None:
        """Ask, wait, insist."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._report(f"{self.name} did not stop in {STOP_SECONDS:g} s and was killed")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _last(self) -> list[str]:
        with suppress(OSError), self.part.log.open(errors="replace") as log:
            return [f"    {line.rstrip()}" for line in deque(log, maxlen=LAST_LINES)]
        return []


class Supervisor:
    """Children in the order they started."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._running: list[tuple[Running, asyncio.Task[None]]] = []

    def add(self, running: Running) -> None:
        """Watch something that runs already."""
        task = asyncio.create_task(running.watch(), name=running.name)
        self._running.append((running, task))

    async def start(self, part: Part) -> Child:
        """Start one child and watch it."""
        child = Child(part, self._report)
        await child.start()
        self.add(child)
        return child

    async def until_ready(self, children: Sequence[Child], *, seconds: float) -> list[str]:
        """Wait until every child that has a check passes it; returns the names that did not.

        A child that gave up ends the wait at once.
        """
        waiting = {child.name: child for child in children if child.part.ready is not None}
        deadline = time.monotonic() + seconds
        while waiting and time.monotonic() < deadline:
            for name, child in list(waiting.items()):
                if child.part.ready is not None and await child.part.ready():
                    del waiting[name]
            if any(child.gave_up for child in children):
                break
            if waiting:
                await asyncio.sleep(0.05)
        return [*waiting, *(c.name for c in children if c.gave_up and c.name not in waiting)]

    async def stop(self) -> None:
        """Stop everything, last started first."""
        while self._running:
            running, task = self._running.pop()
            await running.stop()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def told(status: int) -> str:
    """An exit status in words: ``exit status 1`` or ``killed by SIGKILL``."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """Arguments that run a module with our interpreter; -P keeps the current directory out."""
    return (sys.executable, "-P", "-m", module, *arguments)
