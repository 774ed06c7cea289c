"""The configuration table as the README shows it."""

from typing import NamedTuple

from app.config.processes import PROCESSES
from app.config.table import PREFIX, SETTINGS


class TableRow(NamedTuple):
    """A line of the README's configuration table."""

    name: str
    default: str
    secret: bool
    readers: tuple[str, ...]
    sentence: str


def settings_table() -> list[TableRow]:
    """Every setting with its readers, in the order of `SETTINGS`."""
    return [
        TableRow(
            PREFIX + setting.name,
            setting.default or "",
            setting.secret,
            tuple(p.process for p in PROCESSES if setting.name.lower() in p.__struct_fields__),
            setting.sentence,
        )
        for setting in SETTINGS
    ]


def settings_markdown() -> str:
    """The table in Markdown: `tripcord settings` prints it, and a test finds it in the README."""
    lines = ["| setting | default | read by | what it is |", "|---|---|---|---|"]
    for row in settings_table():
        name = f"`{row.name}` or `{row.name}_FILE`" if row.secret else f"`{row.name}`"
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| {name} | {default} | {', '.join(row.readers)} | {row.sentence} |")
    return "\n".join(lines)
