"""One account per process, so that the kernel keeps the trust zones apart."""

import pwd
import sys
from pathlib import Path

from app.cli.accounts import Account, can_enter, can_run, is_root

ZONES = ("signer", "api", "courier", "dispatcher", "sandbox", "mock_push")
"""The processes that get an account of their own, in the order of their uids."""

LINKED = frozenset({"signer", "api", "courier", "dispatcher"})
"""Those that speak with each other over Unix sockets; the simulated outside world does not."""

UID_BLOCK = 16
_FIRST_UID = 59_200
"""High in the range of ordinary accounts, far from what adduser and systemd hand out."""


def accounts_from(base: int) -> dict[str, Account]:
    """The accounts of a block. They are numbers only: nothing is added to passwd."""
    return {zone: Account(zone, base + n, base + n) for n, zone in enumerate(ZONES)}


def linking_group(base: int) -> int:
    """The group whose members may connect to the sockets of `LINKED`."""
    return base + UID_BLOCK - 1


def reason_not_isolated(base: int, directory: Path) -> str | None:
    """Why the processes must share one account; None when each can have its own.

    It really runs the interpreter as such an account: the modes of every parent, mount options
    and where the interpreter itself lives decide together.
    """
    if not is_root():
        return "not started as root"
    trial = Account("trial", base, base)
    if not can_enter(trial, directory):
        return f"other accounts cannot enter {directory}"
    if not can_run(trial, sys.executable, "-I", "-c", "import app.core.secret"):
        return "other accounts cannot read the checkout or its interpreter"
    return None


def free_uid_block() -> int:
    """First uid of a block that nobody in passwd uses."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    base = _FIRST_UID
    while taken & set(range(base, base + UID_BLOCK)):
        base -= UID_BLOCK
    return base
