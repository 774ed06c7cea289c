"""`tripcord venues`: what each venue's dialect is worth, and what nobody verified."""

import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from app.exchanges.guides import VenueLine, table

_WIDE = 170


@click.command("venues")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def venues(*, as_json: bool) -> None:
    """Every venue by name: product, signature, how it was verified, and what was not.

    "tradable": keys can be linked. "dialect": requests are built and proven, but the courier has no
    market feed for it yet. "gone": the venue is no more.
    """
    lines = table()
    if as_json:
        click.echo(msgspec.json.encode(lines).decode())
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    console.print(_table(lines))
    for line in lines:
        for doubt in line.unverified:
            console.print(f"{line.id}: {doubt}", style="dim", highlight=False, soft_wrap=True)


def _table(lines: tuple[VenueLine, ...]) -> Table:
    shown = Table("venue", "name", "product", "status", "signature", "verified by", "in clear",
                  "key deletion", "unverified")  # fmt: skip
    for line in lines:
        product = f"{line.product} ({line.settles_in})" if line.settles_in else line.product
        shown.add_row(
            line.id,
            line.title,
            product,
            line.status,
            line.signature,
            ", ".join(line.proof).replace("_", " "),
            "yes" if line.secret_in_clear else "",
            "yes" if line.can_delete_key else "by hand" if line.proof else "",
            str(len(line.unverified) or ""),
        )
    return shown
