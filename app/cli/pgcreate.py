"""Create a cluster: once, completely or not at all."""

import shutil
import subprocess
from pathlib import Path

from app.cli.accounts import Account, spawn_as
from app.cli.errors import CommandRefused
from app.cli.pgbinaries import Binaries
from app.cli.places import make_directory, write_private
from app.cli.psql import CHILD_ENVIRONMENT
from app.core.secret import Secret

SUPERUSER = "postgres"


def create_cluster(
    binaries: Binaries,
    cluster: Path,
    account: Account | None,
    *,
    password: Secret,
    durable: bool,
) -> None:
    """Run initdb as ``account``; afterwards every login needs a password, over a socket.

    Raises
    ------
    CommandRefused
        initdb failed; carries its last line.
    """
    # Made beside its place and renamed: a killed initdb leaves nothing that looks finished.
    half = cluster.with_name("cluster.half")
    shutil.rmtree(half, ignore_errors=True)
    make_directory(half, 0o700, account)
    password_file = half.with_name("initial_password")
    write_private(password_file, password.reveal(), account)
    try:
        made = subprocess.run(  # noqa: S603 - fixed program and arguments
            [
                binaries.program("initdb"),
                *("--pgdata", str(half), "--username", SUPERUSER, "--pwfile", str(password_file)),
                # Byte order sorts the same on every machine and version of its libraries.
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale"),
                *("--data-checksums", "--no-instructions"),
                *([] if durable else ["--no-sync"]),
            ],
            cwd="/",
            env=CHILD_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **spawn_as(account),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if made.returncode != 0:
        reason = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise CommandRefused(f"PostgreSQL could not create its data directory: {reason[0]}")
    # Keeps the file's owner. No host line, so no TCP even if somebody sets an address.
    (half / "pg_hba.conf").write_text("local all all scram-sha-256\n")
    half.rename(cluster)
