"""A file is one idea.

The leak: a long file is read by nobody as a whole, and the check that is missing in its middle is
found by somebody else. 250 lines read well; over 400 it is two ideas.

Use: cut by idea, not by size; a room has `models`, `rules`, `store`, `service`, `errors`.

Escape: `EXEMPT` below, with the reason. `migrations/schema.sql` is generated and not counted.
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.lint.source import ROOT, Finding

NAME = "file-length"
EXEMPT: dict[str, str] = {
    "migrations/0017_leftovers.sql": "replaces long functions, and has their old forms for the way"
    " back",
}

LONGEST = 400
LONG = 250

_FOLDERS = ("app", "mock_push", "scripts", "tests", "migrations")
_SUFFIXES = (".py", ".sh", ".sql")
_GENERATED = ("migrations/schema.sql",)


def check_tree() -> Iterator[tuple[Finding, bool]]:
    """Each finding with whether it fails (over 400 lines) or only warns (over 250)."""
    for folder in _FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            path = file.relative_to(ROOT).as_posix()
            if file.suffix in _SUFFIXES and path not in _GENERATED:
                yield from judge(path, _lines(file))


def judge(path: str, lines: int) -> Iterator[tuple[Finding, bool]]:
    if lines > LONG:
        limit = LONGEST if lines > LONGEST else LONG
        yield Finding(path, lines, NAME, f"{lines} lines, over {limit}"), lines > LONGEST


def _lines(file: Path) -> int:
    with file.open("rb") as content:
        return sum(1 for _ in content)
