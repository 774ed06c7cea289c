"""Run statements with psql, for the few that come before the first connection of our own."""

import subprocess

from app.cli.errors import CommandRefused
from app.cli.pgbinaries import Binaries
from app.core.secret import Secret

CHILD_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
"""All that PostgreSQL's programs get of ours: nobody's settings, nobody's secrets."""


def run_psql(binaries: Binaries, dsn: str, password: Secret, sql: str) -> str:
    """SQL on standard input, the password in the child's environment; returns unaligned rows.

    Raises
    ------
    CommandRefused
        A statement failed; carries the server's own message.
    """
    ran = subprocess.run(  # noqa: S603 - fixed program and arguments
        [binaries.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", dsn],
        input=sql,
        cwd="/",
        env=CHILD_ENVIRONMENT | {"PGPASSWORD": password.reveal().decode()},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise CommandRefused(f"the database refused: {ran.stderr.strip()}")
    return ran.stdout
