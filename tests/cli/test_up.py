"""`tripcord up` from the outside: one command, one Ctrl-C, and what happens in between."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from app.cli import hsm
from app.cli.accounts import is_root
from app.cli.errors import CommandRefused
from app.cli.hsm import find_softhsm
from app.cli.ports import pick
from app.cli.zones import free_uid_block, reason_not_isolated
from tests.support.postgres import public_temporary_directory, remove

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """One data directory for the file: what a later `up` finds was left by an earlier one."""
    directory = public_temporary_directory()
    yield directory
    remove(directory)


class Running:
    def __init__(self, data: Path, *, output: str = "", **settings: str) -> None:
        self.data = data
        self.output = data.parent / f"{output or data.name}.out"
        environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TRIPCORD_DATA": str(data)}
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fake_up"],
                cwd=ROOT,
                env=environ | settings,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait_until(self, text: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while text not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)
        return self.output.read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        self.process.send_signal(number)
        self.process.wait(60)
        return self.output.read_text()

    def addresses(self) -> dict[str, str]:
        return dict(json.loads((self.data / "addresses.json").read_text()))

    def pid_of(self, name: str) -> int:
        found = re.findall(r"started (\d+)", (self.data / f"logs/{name}.log").read_text())
        return int(found[-1])


@contextmanager
def running(data: Path, **settings: str) -> Iterator[Running]:
    up = Running(data, TRIPCORD_API_PORT=str(pick()), **settings)
    try:
        up.wait_until("ready; Ctrl-C")
        yield up
    finally:
        if up.process.poll() is None:
            up.stop(signal.SIGTERM)


def everything_of(data: Path) -> list[int]:
    """Pids of whatever still names this data directory in its arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(data).encode() in told and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


def test_one_command_brings_everything_up_and_one_ctrl_c_brings_it_down(place: Path) -> None:
    data = place / "data"
    with running(data) as up:
        addresses = up.addresses()
        assert httpx.get(f"{addresses['public_origin']}/readyz", trust_env=False).status_code == 200
        assert httpx.get(f"{addresses['sandbox_url']}/api/v3/ping", trust_env=False).is_success
        pids = [up.pid_of(name) for name in ("signer", "courier", "dispatcher", "api")]
        said = up.stop()
        assert up.process.returncode == 0
    assert "stopped" in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert everything_of(data) == []
    assert not (data / "addresses.json").exists()


def test_a_second_up_finds_its_data_ports_and_token_again(place: Path) -> None:
    data = place / "data"
    with running(data) as first:
        before = first.addresses()
        token = (data / "hsm/check_values.json").read_bytes()
        push = (data / "secrets/fcm_credentials").read_bytes()
    began = time.monotonic()
    with running(data) as second:
        assert time.monotonic() - began < 10
        after = second.addresses()
        assert after["sandbox_url"] == before["sandbox_url"]
        assert after["mock_push_url"] == before["mock_push_url"]
        assert (data / "hsm/check_values.json").read_bytes() == token
        assert (data / "secrets/fcm_credentials").read_bytes() == push
        assert "applied" not in second.output.read_text()


def test_a_second_up_on_the_same_data_is_refused_and_disturbs_nothing(place: Path) -> None:
    data = place / "data"
    with running(data) as first:
        second = Running(place / "." / "data" / ".." / "data", output="second")
        assert second.process.wait(30) == 1
        assert f"already (pid {first.process.pid})" in second.output.read_text()
        origin = first.addresses()["public_origin"]
        assert httpx.get(f"{origin}/readyz", trust_env=False).status_code == 200


def test_a_killed_up_takes_everything_with_it_and_the_next_one_works(place: Path) -> None:
    data = place / "data"
    with running(data) as up:
        up.process.kill()
        up.process.wait()
    deadline = time.monotonic() + 15
    while everything_of(data):
        assert time.monotonic() < deadline, everything_of(data)
        time.sleep(0.1)
    with running(data):
        pass


def test_a_crashed_part_and_a_crashed_database_come_back(place: Path) -> None:
    data = place / "data"
    with running(data) as up:
        os.kill(up.pid_of("dispatcher"), signal.SIGKILL)
        up.wait_until("dispatcher ended (killed by SIGKILL): starting it again in 0.5 s")
        server = int((data / "postgres/cluster/postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGKILL)
        up.wait_until("postgres ended (killed by SIGKILL): starting it again in 0.5 s")
        deadline = time.monotonic() + 20
        pid_file = data / "postgres/cluster/postmaster.pid"
        while not pid_file.exists() or str(server) in pid_file.read_text().split()[:1]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_port_that_is_taken_is_told_of_and_replaced(place: Path) -> None:
    with running(place / "data") as first:
        taken = first.addresses()["public_origin"].rpartition(":")[2]
        other = Running(place / "other", TRIPCORD_API_PORT=taken)
        try:
            said = other.wait_until("ready; Ctrl-C")
            assert f"port {taken} is taken, so api listens on " in said
        finally:
            other.stop(signal.SIGTERM)


def test_no_secret_is_in_arguments_environment_output_or_logs(place: Path) -> None:
    data = place / "data"
    with running(data) as up:
        kept = [path for path in (data / "secrets").iterdir() if path.is_file()]
        words = [path.read_bytes()[:40] for path in kept] + [
            (data / "postgres/superuser_password").read_bytes()
        ]
        assert len(words) > 7
        told = up.output.read_bytes() + (data / "addresses.json").read_bytes()
        for pid in everything_of(data):
            with suppress(OSError):
                told += Path(f"/proc/{pid}/cmdline").read_bytes()
                told += Path(f"/proc/{pid}/environ").read_bytes()
        for log in (data / "logs").iterdir():
            told += log.read_bytes()
        assert not any(word in told for word in words)
        assert all(path.stat().st_mode & 0o077 == 0 for path in kept)


def test_an_unknown_setting_stops_it_before_anything_starts(place: Path) -> None:
    up = Running(place / "typo", TRIPCORD_API_PROT="1")
    assert up.process.wait(30) == 1
    assert "TRIPCORD_API_PROT is not a setting of Tripcord" in up.output.read_text()
    assert not (place / "typo").exists()


def test_a_long_path_still_works_and_leaves_nothing_in_the_temporary_directory(
    place: Path,
) -> None:
    data = place / ("long" * 20) / ("path" * 10)
    data.parent.mkdir()
    with running(data) as up:
        signer = Path(up.addresses()["signer_socket"])
        assert signer.is_socket()
        assert data not in signer.parents
    assert not signer.parent.exists()


@pytest.mark.skipif(not is_root(), reason="only root has other accounts to give")
def test_as_root_every_process_has_its_own_uid_or_up_says_that_zones_are_not_isolated(
    place: Path,
) -> None:
    data = place / "data"
    with running(data) as up:
        names = ("signer", "courier", "dispatcher", "api")
        uids = {name: Path(f"/proc/{up.pid_of(name)}").stat().st_uid for name in names}
        reason = reason_not_isolated(free_uid_block(), data)
        if reason is None:
            assert len(set(uids.values())) == len(names)
            assert 0 not in uids.values()
            assert up.addresses()["isolated"]
            pin = (data / "secrets/hsm_pin").stat()
            assert (pin.st_uid, pin.st_mode & 0o777) == (uids["signer"], 0o600)
            signer = up.addresses()["signer_socket"]
            assert connects(signer, like=up.pid_of("api"))
            assert not connects(signer, like=up.pid_of("api"), less_groups=True)
        else:
            assert set(uids.values()) == {0}
            assert f"zones are not isolated, all processes share one account: {reason}" in (
                up.output.read_text()
            )
        for name in names:
            assert "False" not in (data / f"logs/{name}.log").read_text()


def connects(path: str, *, like: int, less_groups: bool = False) -> bool:
    """Whether the account of a process can reach a socket."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{like}/status").read_text().splitlines()
    )
    groups = [] if less_groups else [int(gid) for gid in status["Groups"].split()]
    script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    tried = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-c", script, path],
        cwd="/",
        capture_output=True,
        check=False,
        user=int(status["Uid"].split()[0]),
        group=int(status["Gid"].split()[0]),
        extra_groups=groups,
    )
    return tried.returncode == 0


def test_a_missing_softhsm_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hsm, "_LIBRARY_ROOTS", (str(tmp_path),))
    with pytest.raises(CommandRefused, match="SoftHSM is missing: install the package"):
        find_softhsm()


def test_softhsm_is_found_where_debian_puts_it() -> None:
    assert find_softhsm().name == "libsofthsm2.so"
