"""The process starts, says where it is, stays on loopback and ends in order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox.service import NotLoopback, Options, Sandbox
from tests.sandbox.support import Client, Connection, new_client

RUN = [sys.executable, "-m", "app.sandbox", "--port", "0"]


def test_the_process_serves_and_keeps_its_state_on_sigterm(tmp_path: Path) -> None:
    def serve() -> subprocess.Popen[str]:
        command = [*RUN, "--data", str(tmp_path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603

    def url(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    with serve() as process:
        client = new_client(url(process))
        order = client.limit("BUY", "1", "49000").body
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    with serve() as process:
        again = Client(url(process), client.api_key, client.sign)
        (found,) = again.call("GET", "/api/v3/openOrders").body
        assert found["orderId"] == order["orderId"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104
def test_another_address_than_loopback_is_refused(host: str) -> None:
    with pytest.raises(NotLoopback):
        Sandbox(Options(host=host))


def test_the_command_line_refuses_it_too() -> None:
    environment = {**os.environ, "TRIPCORD_SANDBOX_HOST": "0.0.0.0"}  # noqa: S104
    done = subprocess.run(  # noqa: S603
        RUN, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "not a loopback address" in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_venue_starts_from_code(host: str) -> None:
    async with Sandbox(Options(host=host)) as sandbox:
        assert sandbox.port
        assert sandbox.url == f"http://{host}:{sandbox.port}"
    with pytest.raises(ConnectionRefusedError):
        Connection(sandbox.url).public("/api/v3/ping")
