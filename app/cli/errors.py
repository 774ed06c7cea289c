"""Refusals of the command line: one sentence for the person at the terminal, exit status 1."""

import click


class CommandRefused(click.ClickException):
    """Something is missing, taken or wrong; the message is the whole explanation."""

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        click.echo(f"tripcord: {self.message}", err=True)
