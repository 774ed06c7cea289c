"""The data directory of `tripcord up`: what is kept between two runs, and who may read it.

lock                   held by the one `up` that runs here
state.json             ports and uids chosen on the first run
addresses.json         what runs now; absent when nothing does
secrets/               one file per secret
postgres/ hsm/ sandbox/ mock_push/   state of each part, owned by it
run/                   sockets: one directory per process that listens
logs/                  one file per process
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from app.cli import ports
from app.cli.accounts import Account, is_root
from app.cli.errors import CommandRefused
from app.cli.places import make_directory, socket_directory, write_private
from app.cli.secretfiles import SecretFiles
from app.cli.zones import LINKED, accounts_from, free_uid_block, linking_group, reason_not_isolated

_ADDRESSES = "addresses.json"
_STATE = "state.json"


class State(msgspec.Struct):
    """What has to be the same at the next run. ``uid_base`` 0: no accounts were chosen yet."""

    uid_base: int = 0
    ports: dict[str, int] = msgspec.field(default_factory=dict)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """What runs here: public addresses and the database's, without any secret.

    ``database_dsn`` is the superuser's; `app.cli.migrate.with_login` makes it another role's.
    """

    public_origin: str
    sandbox_url: str
    mock_push_url: str
    database_dsn: str
    signer_socket: str
    isolated: bool


class Site:
    """One data directory, locked by us from `__init__` to `close`.

    Raises
    ------
    CommandRefused
        Another `up` runs here, or the directory belongs to somebody else.
    """

    def __init__(self, directory: Path, run_dir: Path | None = None) -> None:
        self.directory = directory
        self.notes: list[str] = []
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _take_lock(directory)
        self._state = _read_state(directory)
        directory.chmod(0o711 if is_root() else 0o700)
        self._accounts = self._choose_accounts()
        mode = 0o711 if is_root() else 0o700
        self._run_dir = make_directory(run_dir or directory / "run", mode)
        self.secrets = SecretFiles(directory / "secrets", mode)
        make_directory(directory / "logs", 0o700)
        self._sockets: list[Path] = []

    @property
    def isolated(self) -> bool:
        """Whether every process has its own uid."""
        return bool(self._accounts)

    def account(self, zone: str) -> Account | None:
        """The account of a process; None when all share ours."""
        return self._accounts.get(zone)

    def groups(self, zone: str) -> tuple[int, ...]:
        """Further groups of a process."""
        linked = self.isolated and zone in LINKED
        return (linking_group(self._state.uid_base),) if linked else ()

    def uids(self, *zones: str) -> str:
        """Uids of processes, as the setting PEER_UIDS wants them."""
        own = os.geteuid()
        found = {account.uid if account else own for account in map(self.account, zones)}
        return ",".join(map(str, sorted(found)))

    def own_directory(self, zone: str, name: str) -> Path:
        """A directory only one process can enter, with everything in it given to that process."""
        path = make_directory(self.directory / name, 0o700)
        account = self.account(zone)
        if account is not None:
            for found in (path, *path.rglob("*")):
                os.chown(found, account.uid, account.gid, follow_symlinks=False)
        return path

    def socket(self, zone: str) -> Path:
        """Where a process listens; the linked ones can reach it, nobody else can."""
        name = f"{zone}.sock"
        account = self.account(zone)
        folder = socket_directory(
            self._run_dir / zone, longest_name=name, account=account, mode=0o700
        )
        if account is not None:
            os.chown(folder, account.uid, linking_group(self._state.uid_base))
            folder.chmod(0o2710)  # setgid: the socket made inside belongs to the linking group
        self._sockets.append(folder / name)
        return folder / name

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def port(self, name: str, wanted: int = 0) -> int:
        """``wanted`` if it is free, else the port of the last run, else any; says when it moves."""
        remembered = self._state.ports.get(name, 0)
        known = (port for port in (wanted, remembered) if port and ports.is_free(port))
        chosen = next(known, None) or ports.pick()
        if wanted and chosen != wanted:
            self.notes.append(f"port {wanted} is taken, so {name} listens on {chosen}")
        self._state.ports[name] = chosen
        self._save()
        return chosen

    def announce(self, addresses: Addresses) -> None:
        """Tell other commands on this machine what runs here."""
        write_private(self.directory / _ADDRESSES, msgspec.json.encode(addresses))

    def close(self) -> None:
        """Take back what says that something runs here; call it when nothing does any more."""
        (self.directory / _ADDRESSES).unlink(missing_ok=True)
        for path in self._sockets:
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()
        self._lock.close()

    def _choose_accounts(self) -> dict[str, Account]:
        base = self._state.uid_base or free_uid_block()
        reason = reason_not_isolated(base, self.directory)
        if reason is not None:
            self.notes.append(f"zones are not isolated, all processes share one account: {reason}")
            return {}
        self._state.uid_base = base
        self._save()
        return accounts_from(base)

    def _save(self) -> None:
        write_private(self.directory / _STATE, msgspec.json.encode(self._state))


def _take_lock(directory: Path) -> IO[str]:
    owner = directory.stat().st_uid
    if owner != os.geteuid():
        raise CommandRefused(f"{directory} belongs to uid {owner}; use that account or other data.")
    lock = (directory / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise CommandRefused(f"`tripcord up` runs on {directory} already (pid {pid}).") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _read_state(directory: Path) -> State:
    with suppress(FileNotFoundError):
        return msgspec.json.decode((directory / _STATE).read_bytes(), type=State)
    return State()
