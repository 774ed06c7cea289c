"""The data directory: what of the mock outlives a restart. Without one, nothing does."""

import os
from collections.abc import Iterator
from pathlib import Path


class Disk:
    """A folder, or nothing at all.

    Writes are not flushed to the platter: losing the last registration in a power cut costs a
    virtual phone one new registration.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, name: str, content: bytes) -> None:
        """Replace a file as one step: a reader sees the old content or the new."""
        if self._folder is None:
            return
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        beside.write_bytes(content)
        beside.replace(path)

    def append(self, name: str, line: bytes) -> None:
        if self._folder is None:
            return
        with (self._folder / name).open("ab") as file:
            file.write(line + b"\n")

    def read(self, name: str) -> bytes | None:
        """The file's content, or None when there is no such file."""
        try:
            return (self._folder / name).read_bytes() if self._folder is not None else None
        except FileNotFoundError:
            return None

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines written completely; a last one cut short by a crash is left out."""
        content = self.read(name) or b""
        yield from (line for line in content.split(b"\n")[:-1] if line)

    def names(self, folder: str) -> list[str]:
        if self._folder is None or not (self._folder / folder).is_dir():
            return []
        return sorted(f"{folder}/{path.name}" for path in (self._folder / folder).glob("*.json"))
