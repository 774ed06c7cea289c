"""What the kernel does for every child of ours: it ends with its parent."""

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

LOG_BYTES = 16 * 1024 * 1024
"""A log longer than this is put aside, once, when its process starts."""


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Make a function for `subprocess.Popen(preexec_fn=...)`.

    The kernel sends ``death_signal`` when the thread that forked ends, so children are started
    from the main thread only.

    It runs after the change of account (which would clear the setting) and before exec (which
    keeps it), and touches nothing but two system calls, so forking from a threaded test is safe.
    """
    parent = os.getpid()

    def in_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        # The parent may have died between fork and prctl; then nobody would ever tell us.
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def open_log(path: Path) -> IO[bytes]:
    """Open a child's log for appending, readable by us alone; the child gets the descriptor."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
