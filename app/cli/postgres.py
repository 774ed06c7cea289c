"""A PostgreSQL of our own: found or created in a directory, started as a child, reached by socket.

It listens on a Unix socket only and every role, the superuser included, proves its password
(scram-sha-256). As root it runs under an existing unprivileged account.
"""

import secrets
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from app.cli.accounts import Account, can_enter, is_root, postgres_account, spawn_as
from app.cli.children import die_with_parent, open_log
from app.cli.errors import CommandRefused
from app.cli.pgbinaries import Binaries, find_binaries, readable_by
from app.cli.pgcreate import SUPERUSER, create_cluster
from app.cli.places import make_directory, short_digest, socket_directory, write_private
from app.cli.psql import CHILD_ENVIRONMENT, run_psql
from app.cli.stalepid import clear_stale_pid
from app.core.secret import Secret

PORT = 5432
"""Names the socket file only; nothing listens on TCP."""

_SHARED_ROOT = Path("/var/lib/tripcord")
"""Where a cluster goes when root's data directory is closed to the unprivileged account."""
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0

_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0777",  # the password decides; the processes have several uids
    "password_encryption": "scram-sha-256",
    "max_connections": "300",
    "superuser_reserved_connections": "5",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "jit": "off",  # our statements are short: compiling one costs more than running it
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One cluster below ``directory``; `start` creates it on the first run and finds it later.

    Parameters
    ----------
    directory
        Belongs to us; holds the superuser's password (mode 600), the log and, where the
        account can reach it, the cluster.
    bin_dir
        Programs to use instead of searching.
    socket_dir
        Where the socket goes when the path is short enough; default below ``directory``.
    durable
        False trades safety against power loss for speed: tests only.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bin_dir: Path | None = None,
        socket_dir: Path | None = None,
        durable: bool = True,
    ) -> None:
        self._directory = directory.absolute()
        self._wanted_bin_dir = bin_dir
        self._wanted_socket_dir = socket_dir
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None
        self._binaries: Binaries | None = None
        self.notes: list[str] = []

    @property
    def binaries(self) -> Binaries:
        """The programs in use; known after `start`."""
        if self._binaries is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._binaries

    @property
    def socket_dir(self) -> Path:
        """Directory of the socket; known after `start`."""
        if self._socket_dir is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._socket_dir

    @property
    def password(self) -> Secret:
        """The superuser's password."""
        return Secret(self._password_file.read_bytes())

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def log_file(self) -> Path:
        return self._directory / "postgres.log"

    def dsn(self, user: str = SUPERUSER, database: str = "postgres") -> str:
        """Connection URL without a password."""
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{user}@/{database}?host={host}&port={PORT}"

    def start(self) -> None:
        """Start the server and return once it accepts connections. Main thread only.

        Raises
        ------
        CommandRefused
            No usable programs, no unprivileged account, or the server did not come up; the
            last lines of its log are in the message.
        """
        self.notes.clear()
        account = _account()
        make_directory(self._directory, 0o711 if is_root() else 0o700)
        home = self._home(account)
        cluster = home / "cluster"
        self._binaries = readable_by(
            account, find_binaries(self._wanted_bin_dir, major=_major_of_cluster(cluster)), home
        )
        preferred = self._wanted_socket_dir or home / "run"
        self._socket_dir = socket_directory(
            preferred, longest_name=f".s.PGSQL.{PORT}.lock", account=account
        )
        if not (cluster / "PG_VERSION").exists():
            if not self._password_file.exists():
                write_private(self._password_file, secrets.token_urlsafe(32).encode())
            create_cluster(
                self._binaries, cluster, account, password=self.password, durable=self._durable
            )
        clear_stale_pid(cluster)
        self._process = self._spawn(cluster, account)
        self._wait_until_ready(cluster)

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, data is flushed. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)  # immediate: recovery at the next start
                process.wait(_STOP_SECONDS)
        if self._socket_dir is not None:
            with suppress(OSError):  # not empty: a crashed server's socket, kept for its takeover
                self._socket_dir.rmdir()

    def psql(self, sql: str, *, database: str = "postgres") -> str:
        """Run statements as the superuser over standard input; returns unaligned rows.

        Raises
        ------
        CommandRefused
            A statement failed; carries the server's own message.
        """
        return run_psql(self.binaries, self.dsn(database=database), self.password, sql)

    @property
    def _password_file(self) -> Path:
        return self._directory / "superuser_password"

    def _home(self, account: Account | None) -> Path:
        if can_enter(account, self._directory):
            return self._directory
        home = _SHARED_ROOT / f"{self._directory.name}-{short_digest(self._directory)}"
        make_directory(_SHARED_ROOT, 0o711)
        make_directory(home, 0o711)
        self.notes.append(
            f"the database is kept in {home}: {self._directory} is closed to the account it runs as"
        )
        return home

    def _spawn(self, cluster: Path, account: Account | None) -> subprocess.Popen[bytes]:
        settings = dict(_SETTINGS)
        settings["unix_socket_directories"] = f'"{self.socket_dir}"'
        if self.binaries.major >= 16:  # noqa: PLR2004 - first version with the setting
            settings["reserved_connections"] = "4"
        if not self._durable:
            settings |= _NOT_DURABLE
        with open_log(self.log_file) as log:
            return subprocess.Popen(  # noqa: S603 - fixed program and arguments
                [
                    self.binaries.program("postgres"),
                    *("-D", str(cluster)),
                    *(
                        part
                        for name, value in settings.items()
                        for part in ("-c", f"{name}={value}")
                    ),
                ],
                cwd="/",
                env=CHILD_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the supervisor's: it stops this one last
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - see there
                **spawn_as(account),
            )

    def _wait_until_ready(self, cluster: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.exit_status is not None:
                break
            if _says_ready(cluster, self._process):
                return
            time.sleep(0.02)
        self.stop()
        lines = self.log_file.read_text(errors="replace").splitlines()[-5:]
        raise CommandRefused("PostgreSQL did not start; it said:\n" + "\n".join(lines))


def _account() -> Account | None:
    try:
        return postgres_account()
    except LookupError:
        raise CommandRefused(
            "PostgreSQL may not run as root and there is neither a user 'postgres' nor 'nobody'."
        ) from None


def _major_of_cluster(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _says_ready(cluster: Path, process: subprocess.Popen[bytes] | None) -> bool:
    """Line 1 of postmaster.pid is the server's pid, line 8 its state (what pg_ctl waits for)."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    mine = process is not None and lines[:1] == [str(process.pid)]
    return mine and len(lines) > 7 and lines[7].strip() == "ready"  # noqa: PLR2004
