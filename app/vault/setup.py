"""Make the HSM token and its keys: `python -m app.vault.setup --dir D --pin-file F --module PATH`.

Run it as a process of its own: the module it loads keeps state for the life of the process. Prints
one line of JSON, {"check_values": {label: hex}}, to be pinned. Doing it again changes nothing and
prints the same. Exit codes are those of the worker (`app.vault.wire`).
"""

import sys
from pathlib import Path

import click
import msgspec

from app.core.errors import DomainError
from app.vault.hsm.token_init import ensure_token
from app.vault.wire import exit_code


@click.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), required=True)
@click.option("--pin-file", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--module", type=click.Path(path_type=Path), required=True)
@click.option("--profile", type=click.Choice(["softhsm", "nss"]), default="softhsm")
@click.option("--token-label", default="tripcord")
def main(directory: Path, pin_file: Path, module: Path, profile: str, token_label: str) -> None:
    """Create the token unless it exists, and print the check values of its keys."""
    pin = pin_file.read_bytes().rstrip(b"\r\n")
    try:
        check_values = ensure_token(
            module=module,
            profile=profile,
            directory=directory.absolute(),
            token_label=token_label,
            pin=pin,
        )
    except DomainError as refusal:
        click.echo(f"{refusal.sentence} ({refusal.rule or refusal.code})", err=True)
        sys.exit(exit_code(refusal.code))
    click.echo(msgspec.json.encode({"check_values": check_values}))


if __name__ == "__main__":
    main()
