"""``python -m mock_push``: run the mock, or make a service account for it."""

from pathlib import Path

import click

from mock_push.credentials import CredentialsError, make_service_account
from mock_push.disk import Disk
from mock_push.phones.registrations import DEFAULT_PROJECT
from mock_push.server import NotLoopbackError, check_loopback, make_server
from mock_push.world import make_world

DEFAULT_PORT = 8085
DATA = click.Path(file_okay=False, path_type=Path)


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 takes any free port.")
@click.option("--data", type=DATA, help="Keep public keys and registrations here.")
@click.option("--seed", type=int, help="Draw the same identifiers every time.")
@click.option("--allow-non-loopback", is_flag=True, help="Let other machines reach the mock.")
@click.pass_context
def main(
    context: click.Context,
    *,
    host: str,
    port: int,
    data: Path | None,
    seed: int | None,
    allow_non_loopback: bool,
) -> None:
    """Run a stand-in for Firebase Cloud Messaging.

    Prints "mock_push on <url>" once it listens.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        if not allow_non_loopback:
            check_loopback(host)
    except NotLoopbackError as error:
        raise click.ClickException(str(error)) from error
    make_server(make_world(disk=Disk(data), seed=seed), host=host, port=port).run()


@main.command("service-account")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--url", required=True, help="Where the mock listens, or will listen.")
@click.option("--data", type=DATA, help="The mock's data directory; then it need not run.")
@click.option("--project", default=DEFAULT_PROJECT, show_default=True)
@click.option("--replace", is_flag=True, help="Overwrite the file.")
def service_account(*, out: Path, url: str, data: Path | None, project: str, replace: bool) -> None:
    """Write a service-account file that the mock trusts. Prints its public half."""
    try:
        account = make_service_account(
            out=out, url=url, project=project, data=data, replace=replace
        )
    except CredentialsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{account.client_email} key {account.private_key_id}")
