"""What drills drill on: two api processes and one signer, real ones, on PostgreSQL and SoftHSM.

The far end of the courier's socket is `FarEnd`, in the drill's own process: it sends nothing and
keeps whatever the signer signed for a venue, which is what a venue would have received.
"""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

import asyncpg
import msgspec

from app.cli.hsm import find_softhsm, make_token
from app.cli.migrate import with_login
from app.core.errors import DomainError
from app.core.secret import Secret
from app.vault.models import VaultConfig
from app.verbs.client import VerbClient
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import Accepted, CleanUp, CleanUpReply, CourierInboxVerb, Release, Send
from scripts.drills.history import Received
from scripts.drills.wire import Client

ORIGIN = "https://cord.example"
"""What proofs name; nothing listens there."""

APIS = 2
_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS, _STOP_SECONDS = 60.0, 15.0
_POLL_SECONDS = 0.05

_PATIENT = """
import sys
from app.vault.client import WorkerClient
call = WorkerClient.call
async def patient(self, request, decoder, *, deadline_seconds):
    return await call(self, request, decoder, deadline_seconds=max(deadline_seconds, 15.0))
WorkerClient.call = patient
from app import signerd
sys.exit(signerd.main())
"""
"""A signer that gives its HSM more time: how busy the machine is, is not what a test is about."""


class StageFailed(Exception):
    """A process did not start, or is not there any more."""


class Base(NamedTuple):
    """A migrated database that nobody else uses. `passwords`: of each role, and of `postgres`."""

    name: str
    server_dsn: str
    passwords: dict[str, str]

    def dsn(self, role: str = "postgres") -> str:
        plain = with_login(self.server_dsn, role, self.name)
        return plain.replace("@", f":{quote(self.passwords[role], safe='')}@", 1)


class FarEnd:
    """The courier's side of the signer's sockets, and nothing behind it."""

    def __init__(self, folder: Path) -> None:
        handlers: dict[Any, Any] = {Send: self._take}
        self._server = VerbServer(
            folder / "far.sock", CourierInboxVerb, handlers, allowed_uids={own_uid()}
        )
        self._signer = VerbClient(folder / "courier.sock")
        self.received: list[Received] = []

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        self._signer.close()
        await self._server.stop()

    async def clean_up(self, trader_id: UUID, revocation_id: UUID) -> None:
        """Ask for what a courier would ask for after a revoke: its items, then each request."""
        ask = CleanUp(trader_id=trader_id, revocation_id=revocation_id)
        try:
            expanded: CleanUpReply = await self._signer.call(ask)
            for number in range(1, expanded.items + 1):
                item = msgspec.structs.replace(ask, item_no=number)
                signed: CleanUpReply = await self._signer.call(item)
                if signed.release is not None:
                    self._keep(signed.release)
        except DomainError:
            return  # a killed connection; a courier would ask again

    async def _take(self, request: Send) -> Accepted:
        self._keep(request.release)
        return Accepted()

    def _keep(self, release: Release) -> None:
        self.received.append(Received(release.trader_id, release.purpose, release.subject_id))


class Stage:
    """Everything that runs. `owner` is a connection beneath every grant."""

    def __init__(
        self, folder: Path, base: Base, clients: list[Client], far_end: FarEnd, owner: Any
    ) -> None:
        self.folder, self.base, self.clients = folder, base, clients
        self.far_end, self.owner = far_end, owner

    def vault(self) -> VaultConfig:
        """The signer's own token, for rows that are made beneath it."""
        return VaultConfig(
            module=find_softhsm(),
            directory=self.folder / "hsm",
            pin=Secret((self.folder / "pin").read_bytes()),
        )


@asynccontextmanager
async def stage(folder: Path, base: Base, *, patient: bool = False) -> AsyncIterator[Stage]:
    """Start everything on a database; stop what was started, whatever happens.

    `folder` is short and private: sockets, the HSM's token and logs are in it.
    """
    pin = folder / "pin"
    pin.write_text(f"{secrets.randbelow(10**8):08d}")
    pin.chmod(0o600)
    await asyncio.to_thread(
        make_token,
        *("--dir", str(folder / "hsm"), "--pin-file", str(pin), "--module", str(find_softhsm())),
    )
    far_end, running = FarEnd(folder), list[subprocess.Popen[bytes]]()
    owner = await asyncpg.connect(base.dsn())
    await far_end.start()
    clients: list[Client] = []
    try:
        program = ["-c", _PATIENT] if patient else ["-m", "app.signerd"]
        running.append(_spawn(folder, "signer", program, _signer_settings(folder, base)))
        await _until((folder / "courier.sock").exists, folder, running)
        for number in range(APIS):
            port = _free_port()
            settings = _api_settings(folder, base, port)
            running.append(_spawn(folder, f"api-{number}", ["-m", "app.asgi"], settings))
            clients.append(Client(f"http://127.0.0.1:{port}", ORIGIN))
        for client in clients:
            while (await client.call("GET", "/readyz", {})).status != 200:  # noqa: PLR2004
                await _until(lambda: True, folder, running)
        yield Stage(folder, base, clients, far_end, owner)
        _check(folder, running)
    finally:
        for client in clients:
            client.close()
        await asyncio.to_thread(_stop, running)
        await far_end.stop()
        await owner.close()


def _signer_settings(folder: Path, base: Base) -> dict[str, str]:
    return {
        "DATABASE_DSN": with_login(base.server_dsn, "tripcord_signer", base.name),
        "DATABASE_PASSWORD": base.passwords["tripcord_signer"],
        "HSM_MODULE": str(find_softhsm()),
        "HSM_DIRECTORY": str(folder / "hsm"),
        "HSM_PIN_FILE": str(folder / "pin"),
        "PUBLIC_ORIGIN": ORIGIN,
        "SANDBOX_URL": "http://127.0.0.1:9",  # the venue exists; nothing is ever sent to it
        "SIGNER_SOCKET": str(folder / "signer.sock"),
        "SIGNER_COURIER_SOCKET": str(folder / "courier.sock"),
        "COURIER_SOCKET": str(folder / "far.sock"),
    }


def _api_settings(folder: Path, base: Base, port: int) -> dict[str, str]:
    return {
        "DATABASE_DSN": with_login(base.server_dsn, "tripcord_api", base.name),
        "DATABASE_PASSWORD": base.passwords["tripcord_api"],
        "CORD_DSN": with_login(base.server_dsn, "tripcord_cord", base.name),
        "CORD_PASSWORD": base.passwords["tripcord_cord"],
        "PUBLIC_ORIGIN": ORIGIN,
        "API_PORT": str(port),
        "SIGNER_SOCKET": str(folder / "signer.sock"),
    }


def _spawn(
    folder: Path, name: str, program: list[str], settings: dict[str, str]
) -> subprocess.Popen[bytes]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TRIPCORD_")}
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            [sys.executable, *program],
            cwd=_ROOT,
            env=inherited | {f"TRIPCORD_{key}": value for key, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us first, and we end it in order
        )


async def _until(ready: Any, folder: Path, running: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    await asyncio.sleep(_POLL_SECONDS)
    while not ready():
        _check(folder, running)
        if time.monotonic() > deadline:
            raise StageFailed(f"not ready after {_START_SECONDS:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)
    _check(folder, running)


def _check(folder: Path, running: list[subprocess.Popen[bytes]]) -> None:
    if all(process.poll() is None for process in running):
        return
    logs = sorted(folder.glob("*.log"))
    tails = (f"{log.stem}: {log.read_text(errors='replace')[-800:]}" for log in logs)
    raise StageFailed("a process ended\n" + "\n".join(tails))


def _stop(running: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(running):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
