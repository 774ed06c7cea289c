"""`tripcord up`: every part on this machine, until Ctrl-C."""

import asyncio
import signal
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.cli import parts
from app.cli.errors import CommandRefused
from app.cli.hsm import ensure_embedded_token, find_softhsm
from app.cli.migrate import Server, migrate
from app.cli.parts import Plan
from app.cli.postgres import EmbeddedPostgres
from app.cli.site import Addresses, Site
from app.cli.supervisor import BACKOFF_SECONDS, Child, Part, Supervisor, told
from app.config import UpSettings

READY_SECONDS = 60.0
_POSTGRES_POLL_SECONDS = 0.2


def up(settings: UpSettings, console: Console) -> None:
    """Start everything, wait for a signal, stop everything.

    Raises
    ------
    CommandRefused
        A part could not be started; what had been started was stopped again.
    """
    site = Site(settings.data, settings.run_dir)
    try:
        asyncio.run(_Up(site, settings, console).run())
    finally:
        site.close()


class WatchedPostgres:
    """PostgreSQL under the supervisor: started again when it ends by itself."""

    name = "postgres"

    def __init__(self, postgres: EmbeddedPostgres, console: Console) -> None:
        self._postgres = postgres
        self._console = console
        self._stopping = False

    async def watch(self) -> None:
        failures = 0
        while not self._stopping:
            await asyncio.sleep(_POSTGRES_POLL_SECONDS)
            status = self._postgres.exit_status
            if status is None:
                continue
            pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
            failures += 1
            _say(
                self._console, f"postgres ended ({told(status)}): starting it again in {pause:g} s"
            )
            await asyncio.sleep(pause)
            try:
                # Blocks the loop for a moment on purpose: it must fork from the main thread, and
                # without a database there is nothing else to do.
                self._postgres.start()
            except CommandRefused as refused:
                _say(self._console, refused.message)

    async def stop(self) -> None:
        self._stopping = True
        self._postgres.stop()


class _Up:
    def __init__(self, site: Site, settings: UpSettings, console: Console) -> None:
        self._site = site
        self._settings = settings
        self._console = console
        self._supervisor = Supervisor(lambda line: _say(console, line))
        self._began = time.monotonic()

    async def run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup means it: a hang-up that is ignored already stays ignored.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, stop.set)
        asked_to_stop = asyncio.create_task(stop.wait())
        starting = asyncio.create_task(self._start())
        try:
            await asyncio.wait({starting, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asked_to_stop
        finally:
            starting.cancel()
            asked_to_stop.cancel()
            await asyncio.gather(starting, asked_to_stop, return_exceptions=True)
            self._step("stopping")
            await self._supervisor.stop()
            self._step("stopped")

    async def _start(self) -> None:
        site, settings = self._site, self._settings
        self._step("PostgreSQL")
        postgres = EmbeddedPostgres(
            site.directory / "postgres", bin_dir=settings.pg_bin, socket_dir=None
        )
        postgres.start()
        self._supervisor.add(WatchedPostgres(postgres, self._console))
        site.notes.extend(postgres.notes)
        self._step(f"roles and migrations (PostgreSQL {postgres.binaries.major})")
        server = Server(postgres.dsn(), postgres.password)
        await asyncio.to_thread(migrate, server, site.secrets.role_passwords())
        self._step("HSM token")
        module = settings.hsm_module or find_softhsm()
        check_values = await asyncio.to_thread(ensure_embedded_token, site, module)
        plan = self._plan(postgres, module, check_values)
        await self._start_parts(plan)
        self._announce(plan)

    def _plan(self, postgres: EmbeddedPostgres, module: Path, check_values: Path) -> Plan:
        site, settings = self._site, self._settings
        api_port = site.port("api", settings.api_port)
        return Plan(
            settings=settings,
            public_origin=settings.public_origin or parts.local_origin(settings, api_port),
            api_port=api_port,
            sandbox_port=site.port("sandbox"),
            mock_push_port=site.port("mock_push"),
            database_dsn=postgres.dsn(),
            signer_socket=site.socket("signer"),
            courier_socket=site.socket("courier"),
            hsm_module=module,
            check_values=check_values,
        )

    async def _start_parts(self, plan: Plan) -> None:
        site = self._site
        self._step("mock_push, sandbox, signer")
        await parts.ensure_push_account(site, plan)
        first = [*parts.outside_world(site, plan), parts.signer(site, plan)]
        await self._start_and_wait(first)
        self._step("courier, dispatcher, api")
        await self._start_and_wait(
            [parts.courier(site, plan), parts.dispatcher(site, plan), parts.api(site, plan)]
        )

    async def _start_and_wait(self, wanted: list[Part]) -> None:
        children: list[Child] = [await self._supervisor.start(part) for part in wanted]
        late = await self._supervisor.until_ready(children, seconds=READY_SECONDS)
        if late:
            logs = ", ".join(str(self._site.log(name)) for name in late)
            raise CommandRefused(f"{', '.join(late)} did not become ready; see {logs}.")

    def _announce(self, plan: Plan) -> None:
        self._site.announce(
            Addresses(
                public_origin=plan.public_origin,
                sandbox_url=plan.sandbox_url,
                mock_push_url=plan.mock_push_url,
                database_dsn=plan.database_dsn,
                signer_socket=str(plan.signer_socket),
                isolated=self._site.isolated,
            )
        )
        table = Table("part", title="Tripcord is up", title_justify="left")
        table.add_column("address", overflow="fold")
        table.add_row("API", plan.public_origin)
        table.add_row("sandbox venue", plan.sandbox_url)
        table.add_row("mock_push", plan.mock_push_url)
        table.add_row("database", plan.database_dsn)
        table.add_row("data and logs", str(self._site.directory))
        self._console.print(table)
        for note in self._site.notes:
            _say(self._console, note)
        self._step("ready; Ctrl-C stops everything")

    def _step(self, text: str) -> None:
        _say(self._console, f"{time.monotonic() - self._began:5.1f}s  {text}")


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
