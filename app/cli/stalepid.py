"""What a killed `up` leaves in the cluster: a lock file of a server that may or may not live."""

import os
import signal
import time
from pathlib import Path

from app.cli.errors import CommandRefused

_NO_PID = 1 << 22
"""Linux never gives out a pid this large (PID_MAX_LIMIT in linux/threads.h)."""
_WAIT_SECONDS = 20.0


def clear_stale_pid(cluster: Path) -> None:
    """Make a left-over ``postmaster.pid`` harmless; the caller holds the data directory's lock.

    A server that still runs on this cluster (its supervisor was killed a moment ago) is asked to
    stop and waited for. A pid that now belongs to another program, usual after a restart of a
    container, would keep PostgreSQL from starting, so the number is replaced. The file itself
    stays: its shared memory line lets PostgreSQL see orphaned backends, without which two
    generations could write to the same files.

    Raises
    ------
    CommandRefused
        The running server does not stop.
    """
    lock_file = cluster / "postmaster.pid"
    try:
        lines = lock_file.read_text().splitlines(keepends=True)
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if not _is_alive(pid):
        return
    if _works_in(pid, cluster):
        _stop(pid)
    else:
        with lock_file.open("r+") as file:  # in place: owner and mode stay
            file.write("".join([f"{_NO_PID}\n", *lines[1:]]))
            file.truncate()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, cluster: Path) -> bool:
    # The postmaster changes into its data directory; nothing else does.
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == cluster.resolve()
    except OSError:
        return False


def _stop(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        return
    raise CommandRefused(f"another PostgreSQL (pid {pid}) runs on this data and does not stop.")
