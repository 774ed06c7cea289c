"""What a rule gets and what it gives."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]


class Finding(NamedTuple):
    """One thing that is wrong; ``path`` is relative to the checkout, ``line`` counts from 1."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Source(NamedTuple):
    """A parsed Python file; ``path`` is relative to the checkout, with forward slashes."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> Self:
        return cls(path, text, ast.parse(text, filename=path))

    def is_below(self, *folders: str) -> bool:
        """Whether the file is one of these, or inside one of these folders."""
        return any(self.path == name or self.path.startswith(f"{name}/") for name in folders)


def python_sources(*folders: str) -> Iterator[Source]:
    """Every Python file of the checkout's folders, in a stable order."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield Source.parse(file.relative_to(ROOT).as_posix(), file.read_text())
