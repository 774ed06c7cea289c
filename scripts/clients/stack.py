"""Starts `tripcord up` as anybody would, waits until it is ready, and ends it again."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.clients.encoding import Json
from scripts.clients.keys import KeyPair
from scripts.clients.platform import jwks

START_SECONDS = 180
"""The first start makes a database cluster and an HSM token; later ones take a few seconds."""

STOP_SECONDS = 30
_POLL_SECONDS = 0.1
_LOG_LINES = 12


class StackFailed(Exception):
    """A program of the service did not do what it was started for."""


@dataclass(frozen=True, slots=True)
class Addresses:
    api: str
    mock_push: str
    sandbox: str


class Stack:
    """One data directory and the processes on it. Only what was started here is ever ended."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Addresses:
        """Start everything and return where it listens, once `/readyz` is green.

        Raises
        ------
        StackFailed
            It ended, or was not ready in time; the message ends with its last lines.
        """
        self.data.parent.mkdir(parents=True, exist_ok=True)
        addresses = self.data / "addresses.json"
        stale = _changed_at(addresses)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli.main", "up"],
                env={**os.environ, "TRIPCORD_DATA": str(self.data)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us first, and we end it in order
            )
        deadline = time.monotonic() + START_SECONDS
        while _changed_at(addresses) == stale:
            self._check(deadline)
            time.sleep(_POLL_SECONDS)
        where = json.loads(addresses.read_bytes())
        found = Addresses(where["public_origin"], where["mock_push_url"], where["sandbox_url"])
        while not _is_ready(found.api):
            self._check(deadline)
            time.sleep(_POLL_SECONDS)
        return found

    def add_platform(self, name: str, key: KeyPair) -> str:
        """Register a platform's public keys as the operator does; returns its client id."""
        keys = self.data.with_name(f"{self.data.name}-platform.jwks.json")
        keys.write_text(json.dumps(jwks(key)))
        answer = self._command("platform", "add", "--name", name, "--jwks", str(keys))
        return str(answer["client_id"])

    def wait(self) -> None:
        """Block until the service ends by itself."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Ask once, politely; after `STOP_SECONDS` end the whole session of processes."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._process = None

    def _command(self, *arguments: str) -> Json:
        done = subprocess.run(  # noqa: S603 - our own program, constant arguments
            [sys.executable, "-m", "app.cli.main", *arguments, "--json"],
            env={**os.environ, "TRIPCORD_DATA": str(self.data)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=STOP_SECONDS,
        )
        if done.returncode != 0:
            words = " ".join(arguments[:2])
            raise StackFailed(f"`tripcord {words}` failed:\n{done.stderr.strip()}")
        return dict(json.loads(done.stdout))

    def _check(self, deadline: float) -> None:
        code = self._process.poll() if self._process else None
        if code is not None:
            raise StackFailed(f"`tripcord up` ended with code {code}:\n{self._last_lines()}")
        if time.monotonic() >= deadline:
            raise StackFailed(f"not ready after {START_SECONDS} s:\n{self._last_lines()}")

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])


def _changed_at(path: Path) -> int | None:
    """Nanoseconds, or None: an address file of an earlier run must not be taken for this one's."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _is_ready(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/readyz", trust_env=False, timeout=2).is_success
    except httpx.HTTPError:
        return False
