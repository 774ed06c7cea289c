"""The command line. Each command reads its settings, then does one thing or becomes one process."""

import os
import sys
import tempfile
from pathlib import Path

import click
import msgspec
from rich.console import Console

from app.cli.contain import contain
from app.cli.floors import floors
from app.cli.hsm import init_token
from app.cli.migrate import SCHEMA_FILE, Server, dump_schema, migrate
from app.cli.pgbinaries import wheel_directory
from app.cli.places import make_directory
from app.cli.platform import platform
from app.cli.postgres import EmbeddedPostgres
from app.cli.secretfiles import SecretFiles
from app.cli.settings import settings_of
from app.cli.supervisor import python_module
from app.cli.up import up
from app.cli.venues import venues
from app.cli.webhooks import webhooks
from app.config import HsmSettings, MigrateSettings, UpSettings, settings_markdown
from app.core.secret import Secret


@click.group()
@click.version_option(package_name="tripcord")
def main() -> None:
    """Tripcord: the kill cord for a trader's exchange keys.

    Settings are environment variables that begin with TRIPCORD_; see the README.
    """


@main.command("up")
def up_command() -> None:
    """Run everything on this machine, with SoftHSM, mock_push and the sandbox venue."""
    up(settings_of(UpSettings), Console())


@main.command("migrate")
@click.option("--dump", is_flag=True, help="Write migrations/schema.sql; touches no database.")
def migrate_command(*, dump: bool) -> None:
    """Bring the configured database to this version's schema.

    Makes the login roles too; their passwords are kept in the directory `secrets` of the data
    directory, one file each, to be handed to the processes.
    """
    if dump:
        SCHEMA_FILE.write_text(reference_schema())
        return
    settings = settings_of(MigrateSettings)
    server = Server(settings.database_dsn, settings.database_password or Secret(b""))
    passwords = SecretFiles(settings.data / "secrets").role_passwords()
    for name in migrate(server, passwords):
        click.echo(f"applied {name}")


def reference_schema() -> str:
    """The schema all migrations make, dumped from a throw-away server of a fixed version."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        postgres = EmbeddedPostgres(
            Path(directory) / "pg", bin_dir=wheel_directory(), durable=False
        )
        try:
            postgres.start()
            server = Server(postgres.dsn(), postgres.password)
            secrets = SecretFiles(make_directory(Path(directory) / "secrets", 0o700))
            migrate(server, secrets.role_passwords())
            return dump_schema(server)
        finally:
            postgres.stop()


@main.command("settings")
def settings_command() -> None:
    """Print the table of all settings, in Markdown."""
    click.echo(settings_markdown())


@main.group("hsm")
def hsm() -> None:
    """The HSM token."""


@hsm.command("init")
def hsm_init() -> None:
    """Make the configured token and its keys; prints the check values to pin."""
    values = init_token(settings_of(HsmSettings))
    click.echo(msgspec.json.format(msgspec.json.encode(values)))


def _become(module: str) -> None:
    """Replace this process by one of the parts; it reads its own settings."""
    argv = python_module(module)
    os.execv(sys.executable, argv)  # noqa: S606 - our own module, no shell


@main.command("api")
def api() -> None:
    """Run the HTTP edge."""
    _become("app.asgi")


@main.command("signer")
def signer() -> None:
    """Run the process that holds the HSM."""
    _become("app.signerd")


@main.command("courier")
def courier() -> None:
    """Run the process that talks to the venues."""
    _become("app.courierd")


@main.command("dispatcher")
def dispatcher() -> None:
    """Run the process that sends notices."""
    _become("app.dispatchd")


main.add_command(platform)
main.add_command(contain)
main.add_command(floors)
main.add_command(venues)
main.add_command(webhooks)

if __name__ == "__main__":
    main()
