"""What a worker child knows, what it answers, and who alone loads PKCS#11."""

import os
import subprocess
import sys

import msgspec
import pytest

from app.core.errors import Malformed
from app.vault import wire
from app.vault.client import WorkerClient
from tests.vault.support import ROOT, Desk, row


def _pid(worker: WorkerClient) -> int:
    assert worker.pid is not None
    return worker.pid


async def test_each_worker_answers_its_own_closed_list(own_desk: Desk) -> None:
    hot, keys = own_desk.workers.hot, own_desk.workers.keys
    nothing = msgspec.msgpack.Decoder()
    for worker, request in (
        (hot, wire.OpenSealingKey(sealing_key_id=b"")),
        (keys, wire.Mac(messages=(row("a"),))),
        (keys, wire.Bootstrap(message=b"device")),
    ):
        with pytest.raises(Malformed):
            await worker.call(request, nothing, deadline_seconds=15)
    assert (hot.starts, keys.starts) == (1, 1)


def test_the_signer_itself_never_loads_pkcs11() -> None:
    doors = ["bootstrap", "client", "evidence", "identity", "unwrap", "wrap"]
    code = f"import {', '.join(f'app.vault.{door}' for door in doors)}, sys\n"
    code += "assert not [name for name in sys.modules if 'pkcs11' in name or '.hsm' in name]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)  # noqa: S603


async def test_the_child_sees_no_setting_and_no_pin(own_desk: Desk) -> None:
    for worker in (own_desk.workers.hot, own_desk.workers.keys):
        place = f"/proc/{_pid(worker)}"
        if not os.access(f"{place}/environ", os.R_OK):
            pytest.skip("only root may read the environment of a worker")
        with open(f"{place}/environ", "rb") as environ, open(f"{place}/cmdline", "rb") as argv:  # noqa: ASYNC230, PTH123
            names = {entry.split(b"=")[0] for entry in environ.read().split(b"\0") if entry}
            command = argv.read().split(b"\0")
        allowed = {b"PYTHONPATH", b"PYTHONDONTWRITEBYTECODE", b"LANG", b"TZ", b"LC_CTYPE"}
        assert names <= allowed
        assert command[1:3] == [b"-m", b"app.vault.hsm.worker"]
