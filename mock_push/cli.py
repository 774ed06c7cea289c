"""``python -m mock_push``: run the mock, or make credentials for its senders."""

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from mock_push.credentials import make_service_account
from mock_push.disk import Disk
from mock_push.handover import CredentialsError
from mock_push.logins import make_smtp_account, make_telegram_bot
from mock_push.phones.registrations import DEFAULT_PROJECT
from mock_push.server import Listening, NotLoopbackError, check_loopback, make_server
from mock_push.tls import make_identity
from mock_push.world import make_world

DEFAULT_PORT = 8085
DATA = click.Path(file_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
TLS_FOLDER = "tls"

T = TypeVar("T")


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 takes any free port.")
@click.option("--tls-port", type=int, help="Speak HTTPS here too, for Google's own host names.")
@click.option("--smtp-port", type=int, help="Take mail here, with STARTTLS and AUTH.")
@click.option("--data", type=DATA, help="Keep keys, registrations, chats and certificates here.")
@click.option("--seed", type=int, help="Draw the same identifiers and faults every time.")
@click.option("--allow-non-loopback", is_flag=True, help="Let other machines reach the mock.")
@click.pass_context
def main(
    context: click.Context,
    *,
    host: str,
    port: int,
    tls_port: int | None,
    smtp_port: int | None,
    data: Path | None,
    seed: int | None,
    allow_non_loopback: bool,
) -> None:
    """Run a stand-in for Firebase Cloud Messaging, a mail server and Telegram's Bot API.

    Prints "mock_push on <url>" once it listens; that address has a page with everything on it.
    Further lines say where TLS and SMTP are and which certificate authority to trust. Without
    --tls-port and --smtp-port there is neither; 0 takes any free port.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        if not allow_non_loopback:
            check_loopback(host)
    except NotLoopbackError as error:
        raise click.ClickException(str(error)) from error
    world = make_world(disk=Disk(data), seed=seed, anywhere=allow_non_loopback)
    with tempfile.TemporaryDirectory(prefix="mock_push-") as passing:
        wants_tls = tls_port is not None or smtp_port is not None
        folder = (data or Path(passing)) / TLS_FOLDER
        listening = Listening(
            host=host,
            port=port,
            tls_port=tls_port,
            smtp_port=smtp_port,
            identity=make_identity(folder) if wants_tls else None,
        )
        # uvicorn raises the signal again once it has stopped; the default would kill us before the
        # passing certificate is deleted.
        signal.signal(signal.SIGTERM, _leave)
        make_server(world, listening).run()


def _leave(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def credentials_options(command: Callable[..., T]) -> Callable[..., T]:
    """What every command that makes credentials takes."""
    for option in (
        click.option("--replace", is_flag=True, help="Overwrite the file."),
        click.option("--data", type=DATA, help="The mock's data directory; then it need not run."),
        click.option("--url", required=True, help="Where the mock listens, or will listen."),
        click.option("--out", required=True, type=OUT),
    ):
        command = option(command)
    return command


@main.command("service-account")
@credentials_options
@click.option("--project", default=DEFAULT_PROJECT, show_default=True)
def service_account(*, out: Path, url: str, data: Path | None, project: str, replace: bool) -> None:
    """Write a service-account file that the mock trusts. Prints its public half."""
    account = _made(
        lambda: make_service_account(out=out, url=url, project=project, data=data, replace=replace)
    )
    click.echo(f"{account.client_email} key {account.private_key_id}")


@main.command("smtp-account")
@credentials_options
@click.option("--username", default="tripcord", show_default=True)
def smtp_account(*, out: Path, url: str, data: Path | None, username: str, replace: bool) -> None:
    """Write a login for mail that the mock takes. Prints the user name."""
    account = _made(
        lambda: make_smtp_account(out=out, url=url, username=username, data=data, replace=replace)
    )
    click.echo(account.username)


@main.command("telegram-bot")
@credentials_options
@click.option("--username", default="tripcord_bot", show_default=True)
def telegram_bot(*, out: Path, url: str, data: Path | None, username: str, replace: bool) -> None:
    """Write the token of a bot that the mock knows. Prints the bot's id and name."""
    bot = _made(
        lambda: make_telegram_bot(out=out, url=url, username=username, data=data, replace=replace)
    )
    click.echo(f"{bot.bot_id} @{bot.username}")


def _made(make: Callable[[], T]) -> T:
    try:
        return make()
    except CredentialsError as error:
        raise click.ClickException(str(error)) from error
