"""The sandbox venue as a process of its own, its switches, and what it really holds."""

import os
import select
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 30.0
_READY = "sandbox venue on "


class SandboxProcess:
    """`url` and the admin surface; `account` says what the venue itself believes."""

    def __init__(self) -> None:
        # Without request limits: the venue has its own tests for those, and they would slow ours.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                *(sys.executable, "-m", "app.sandbox", "--port", "0"),
                *("--weight-limit", "0", "--order-limit", "0", "--day-limit", "0"),
            ],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.url = self._ready_url()
        self.http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def stop(self) -> None:
        self.http.close()
        self._process.terminate()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def new_key(self, **changes: Any) -> dict[str, str]:
        wanted = {"kind": "hmac", "balances": {"USDT": "1000000", "BTC": "100"}, **changes}
        made: dict[str, str] = self.http.post("/sandbox/keys", json=wanted).json()
        return made

    def account(self, api_key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/sandbox/accounts/{api_key}").json()
        return found

    def break_once(self, mode: str, *, method: str = "POST", ms: int = 0, count: int = 1) -> None:
        """Make the next request to the order route fail in a way."""
        fault = {
            "route": "/api/v3/order",
            "method": method,
            "mode": mode,
            "ms": ms,
            "count": count,
        }
        self.http.post("/sandbox/faults", json=fault).raise_for_status()

    def mend(self) -> None:
        self.http.request(
            "DELETE", "/sandbox/faults", headers={"Content-Type": "application/json"}
        ).raise_for_status()

    def move(self, market: str, price: str) -> None:
        self.http.post(f"/sandbox/markets/{market}/price", json={"price": price}).raise_for_status()

    def _ready_url(self) -> str:
        assert self._process.stdout is not None
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                return self._process.stdout.readline().decode().strip().removeprefix(_READY)
        raise RuntimeError("the sandbox did not start")
