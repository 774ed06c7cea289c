"""Run mock_push as its own process, for tests that need a push service."""

import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 30.0
READY = "mock_push on "


def start_mock_push(
    folder: Path, *, project: str = "tripcord-demo"
) -> tuple[str, Path, Callable[[], None]]:
    """Start the mock on a free loopback port.

    Parameters
    ----------
    folder
        For its data, its log and the service-account file. Starting again in the same folder
        keeps keys and registrations.

    Returns
    -------
    tuple
        Its address, the service-account file, and a function that stops it (callable twice).
    """
    data = folder / "mock-push"
    with (folder / "mock-push.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 our own interpreter and module
            _command("--port", "0", "--data", str(data)),
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=REPOSITORY,
            env=_environment(),
        )

    def stop() -> None:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()

    try:
        url = _ready_url(process)
        account = folder / "service-account.json"
        arguments = ("--out", str(account), "--url", url, "--data", str(data))
        subprocess.run(  # noqa: S603 our own interpreter and module
            _command("service-account", *arguments, "--project", project, "--replace"),
            check=True,
            capture_output=True,
            cwd=REPOSITORY,
            env=_environment(),
            timeout=START_SECONDS,
        )
    except BaseException:
        stop()
        raise
    return url, account, stop


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mock_push", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def _ready_url(process: subprocess.Popen[bytes]) -> str:
    """Wait for the line the mock prints once it listens."""
    if process.stdout is None:
        raise RuntimeError("the mock's standard output is not a pipe")
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline:
        readable, _, _ = select.select([process.stdout], [], [], 0.2)
        if readable:
            line = process.stdout.readline().decode().strip()
            if not line.startswith(READY):
                break
            return line.removeprefix(READY)
    raise RuntimeError("mock_push did not start; see mock-push.log")
