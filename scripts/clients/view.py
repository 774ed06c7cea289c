"""How the demo looks in a terminal: what happens and why, what the phone shows, how long it took.

Texts that came over the wire are printed as plain text, never as markup, after `neutralise`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from scripts.clients.approvals import Prompt
from scripts.clients.encoding import Json
from scripts.clients.enrolment import qr_text
from scripts.clients.render import neutralise

_PHONE_WIDTH = 76


class View:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None

    @contextmanager
    def step(self, number: int, total: int, name: str, why: str) -> Iterator[None]:
        """A running step: a spinner and a clock below everything that the step prints."""
        self._console.print()
        self._console.rule(Text(f"{number}/{total}  {name}", style="bold cyan"), align="left")
        self._console.print(Text(why, style="dim"))
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        with Progress(*columns, console=self._console, transient=True) as progress:
            progress.add_task(name, total=None)
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    def done(self, name: str, milliseconds: int) -> None:
        self._console.print(Text(f"✓ {name}  {milliseconds:,} ms", style="green"))

    def failed(self, name: str, milliseconds: int, reason: str) -> None:
        self._console.print(Text(f"✗ {name}  {milliseconds:,} ms", style="bold red"))
        self._console.print(Text(neutralise_lines(reason), style="red"))

    def say(self, text: str) -> None:
        self._console.print(Text(f"  {neutralise(text)}"))

    def wait(self, seconds: float) -> None:
        """The authenticator is out of codes."""
        text = f"T-1, T and T+1 are used up: waiting {seconds:.0f} s for the next time step"
        self._console.print(Text(f"  ⏳ {text}", style="yellow"))
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], description=text)

    def code(self, code: str, offset: int) -> None:
        step = {-1: "T-1", 0: "T", 1: "T+1"}.get(offset, f"T{offset:+}")
        self._console.print(Text(f"  🔑 code {code} of step {step}", style="magenta"))

    def qr(self, content: str, caption: str) -> None:
        """On the platform's screen, or on paper."""
        self._console.print(Text(qr_text(content)), soft_wrap=True)
        self._console.print(Text(f"  {caption}", style="dim"))

    def phone(self, prompt: Prompt) -> None:
        """What the trader sees: lines made on the phone from the bytes it is about to sign."""
        lines = _pairs(prompt.screen.lines)
        asked = Text(f"asked by {prompt.approval.requester} (as claimed)", style="dim")
        digest = Text(f"sha256 {prompt.screen.digest.hex()}", style="dim")
        self._panel(Group(lines, Text(), asked, digest), prompt.screen.title)

    def notification(self, message: Json) -> None:
        """A push message in full: there is nothing else in it."""
        self._panel(Text(json.dumps(message, indent=1)), "push message, as delivered")

    def facts(self, title: str, pairs: Iterable[tuple[str, str]]) -> None:
        self._panel(_pairs([(label, neutralise(value)) for label, value in pairs]), title)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        table = Table(title=Text(title, style="bold"), title_justify="left")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        self._console.print(table)

    def _panel(self, body: RenderableType, title: str) -> None:
        self._console.print(Panel(body, title=Text(title), width=_PHONE_WIDTH, padding=(0, 1)))


def neutralise_lines(text: str) -> str:
    return "\n".join(neutralise(line) for line in text.splitlines())


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in pairs:
        grid.add_row(Text(label, style="dim"), Text(value, style="bold"))
    return grid


def _cell(value: object) -> str:
    return "-" if value is None else neutralise(str(value))
