"""Directories with the owner and mode they need, and socket paths the kernel accepts."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from app.cli.accounts import Account, can_enter
from app.cli.errors import CommandRefused

SOCKET_PATH_BYTES = 107
"""Longest usable ``sun_path``: 108 bytes with the closing zero (unix(7))."""


def make_directory(path: Path, mode: int, account: Account | None = None) -> Path:
    """Create a directory, or bring an existing one to this mode and owner."""
    path.mkdir(parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)
    return path


def short_digest(path: Path) -> str:
    """A stable name for a place: 12 hex digits, enough to keep checkouts apart."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


def socket_directory(
    preferred: Path, *, longest_name: str, account: Account | None = None, mode: int = 0o755
) -> Path:
    """A directory whose sockets have a path short enough, owned by ``account``.

    The preferred place when it fits; else one under the temporary directory, with a name derived
    from the preferred path. There anybody could have come first, so an existing directory
    counts only when it is really ours: whoever owns the directory could replace the socket.

    Raises
    ------
    CommandRefused
        The short directory exists and belongs to somebody else.
    """
    if len(os.fsencode(preferred.absolute() / longest_name)) <= SOCKET_PATH_BYTES:
        return make_directory(preferred, mode, account)
    owner = os.geteuid() if account is None else account.uid
    short = _short_base(account) / f"tripcord-{owner}-{short_digest(preferred)}"
    try:
        short.mkdir(mode=0o700)
    except FileExistsError:
        found = short.lstat()
        ours = found.st_uid in {owner, os.geteuid()} and not found.st_mode & 0o022
        if not (stat.S_ISDIR(found.st_mode) and ours):
            raise CommandRefused(
                f"the socket directory {short} belongs to somebody else; remove it or set "
                "TRIPCORD_RUN_DIR to a short path."
            ) from None
    return make_directory(short, mode, account)


def _short_base(account: Account | None) -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir() and can_enter(account, Path(runtime)):
        return Path(runtime)
    return Path(tempfile.gettempdir())


def write_private(path: Path, content: bytes, account: Account | None = None) -> None:
    """Write a file only its owner can read, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if account is not None:
            os.chown(name, account.uid, account.gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
