"""The api as its own process on a loopback port, with deadlines a test can wait for."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx

from app.cli.migrate import with_login
from tests.api.caller import ORIGIN
from tests.support.postgres import FreshDatabase

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 0.7
"""Instead of the ten seconds of DESIGN section 10."""

SLACK_SECONDS = 5.0
"""For a busy machine; far below the ten seconds it would take without the shorter deadline."""

GET = b"GET /livez HTTP/1.1\r\nHost: cord.example\r\n"
REDEEM = (
    b"POST /v1/revocation-cards/redeem HTTP/1.1\r\nHost: cord.example\r\n"
    b"Content-Type: application/json\r\n"
)

_START_SECONDS = 30.0
_CODE = """
import sys
from app import asgi
from app.api import outer
asgi.HEADER_MILLISECONDS = int(float(sys.argv[1]) * 1000)
outer.RECEIVE_SECONDS = float(sys.argv[1])
raise SystemExit(asgi.main())
"""


class Answer(NamedTuple):
    """What came back before the other side hung up, or before it was quiet for long."""

    raw: bytes
    closed: bool

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw.startswith(b"HTTP/1.1 ") else 0

    @property
    def code(self) -> str:
        """The problem's code."""
        head, _, body = self.raw.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        if b"chunked" in head.lower():
            body = body.partition(b"\r\n")[2].rpartition(b"\r\n0")[0]
        return str(json.loads(body)["type"]).rpartition(":")[2]


class ApiProcess:
    """`origin` is the public one; None is its own address, for clients that follow a link."""

    def __init__(
        self,
        database: FreshDatabase,
        folder: Path,
        *,
        origin: str | None = ORIGIN,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.origin = origin or self.url
        self._log = folder / "api.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", _CODE, str(deadline_seconds)],
                cwd=ROOT,
                env=self._environment(database, folder),
                stdout=log,
                stderr=log,
            )
        self._wait()

    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        """Ask it to stop, as a supervisor does; its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=15)

    async def raw(self, *chunks: bytes, pause: float = 0.0, quiet: float = 3.0) -> Answer:
        """Send bytes, `pause` seconds apart, and read until it hangs up or is `quiet`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        sending = asyncio.create_task(_send(writer, chunks, pause))
        got = b""
        try:
            while True:
                data = await asyncio.wait_for(reader.read(65536), quiet)
                if not data:
                    return Answer(got, closed=True)
                got += data
        except TimeoutError:
            return Answer(got, closed=False)
        except ConnectionError:
            return Answer(got, closed=True)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.transport.abort()

    def _environment(self, database: FreshDatabase, folder: Path) -> dict[str, str]:
        own = {
            "DATABASE_DSN": with_login(database.server_dsn, "tripcord_api", database.name),
            "DATABASE_PASSWORD": database.passwords["tripcord_api"],
            "CORD_DSN": with_login(database.server_dsn, "tripcord_cord", database.name),
            "CORD_PASSWORD": database.passwords["tripcord_cord"],
            "PUBLIC_ORIGIN": self.origin,
            "API_PORT": str(self.port),
            "SIGNER_SOCKET": str(folder / "signer.sock"),
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TRIPCORD_")}
        return inherited | {f"TRIPCORD_{name}": value for name, value in own.items()}

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(f"{self.url}/livez", timeout=1, trust_env=False)
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        self.process.kill()
        self.process.wait()
        raise RuntimeError(self.log())


async def _send(writer: asyncio.StreamWriter, chunks: tuple[bytes, ...], pause: float) -> None:
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(pause)
