"""Which operating-system account runs what, and whether it really can."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import TypedDict

import msgspec

_PROBE_TIMEOUT_SECONDS = 10


class Account(msgspec.Struct, frozen=True):
    """A uid and gid to run a child as; the name is for messages only."""

    name: str
    uid: int
    gid: int


class SpawnAs(TypedDict, total=False):
    """The part of `subprocess.Popen`'s arguments that changes the account."""

    user: int
    group: int
    extra_groups: list[int]


def is_root() -> bool:
    return os.geteuid() == 0


def spawn_as(account: Account | None) -> SpawnAs:
    """Arguments that start a child as ``account``; None keeps our own."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def postgres_account() -> Account | None:
    """The account for PostgreSQL, which refuses to run as root; None when we are not root.

    An existing one, because initdb looks its uid up in passwd and because creating users is not
    a thing a demo does to somebody's machine.

    Raises
    ------
    LookupError
        Neither ``postgres`` nor ``nobody`` exists.
    """
    if not is_root():
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise LookupError("no unprivileged account")


def can_run(account: Account | None, *argv: str | Path) -> bool:
    """Whether a command succeeds under that account: tried, because modes tell only half.

    Parent directories, mount options and access lists decide too.
    """
    try:
        finished = subprocess.run(  # noqa: S603 - fixed commands of this module's callers
            [str(part) for part in argv],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_SECONDS,
            check=False,
            **spawn_as(account),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def can_enter(account: Account | None, directory: Path) -> bool:
    """Whether the account can reach a directory (every parent lets it through)."""
    return can_run(account, "/bin/sh", "-c", 'cd "$1"', "sh", directory)
