"""Between accepted and arrived: where a message is doubled, held back, overtaken or lost."""

from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

CarriageKind = Literal["duplicate", "reorder", "delay", "drop", "expire", "collapse"]


class Carriage(msgspec.Struct, frozen=True):
    """What happens to one message on its way.

    Attributes
    ----------
    seconds
        How long it is held at most: the delay; how long `reorder` waits for a message to go first;
        how long `collapse` waits for a newer one.
    key
        For `collapse`: a newer message replaces a held one of the same key.
    """

    kind: CarriageKind
    seconds: float = 0.0
    key: str = ""


class Held(msgspec.Struct, Generic[T], frozen=True):
    content: T
    due_at: datetime
    carriage: Carriage


class Transit(Generic[T]):
    """The messages of one receiver that were accepted and have not arrived."""

    def __init__(self) -> None:
        self._held: list[Held[T]] = []

    def __len__(self) -> int:
        return len(self._held)

    def accept(self, content: T, carriage: Carriage | None, now: datetime) -> list[T]:
        """Take a message on its way; return what arrives by that, in order."""
        arrived = self.due(now)
        kind = carriage.kind if carriage is not None else None
        if carriage is None or kind == "duplicate":
            arrived += [content] if carriage is None else [content, content]
            return arrived + self._overtaken()
        overtaken = self._overtaken() if kind == "reorder" else []
        if overtaken:  # two in a row that shall change places do so with one another
            return [*arrived, content, *overtaken]
        if kind == "collapse":
            self._held = [old for old in self._held if not self._replaces(carriage, old.carriage)]
        if kind not in ("drop", "expire"):
            due_at = now + timedelta(seconds=carriage.seconds)
            self._held.append(Held(content, due_at, carriage))
        return arrived

    def due(self, now: datetime) -> list[T]:
        """What was held long enough, the longest due first."""
        over = sorted((held for held in self._held if held.due_at <= now), key=_due_at)
        self._held = [held for held in self._held if held.due_at > now]
        return [held.content for held in over]

    def seconds_to_next(self, now: datetime) -> float | None:
        """Seconds until something is due; None when nothing is held."""
        if not self._held:
            return None
        return max(0.0, (min(map(_due_at, self._held)) - now).total_seconds())

    def _overtaken(self) -> list[T]:
        """Those that waited for another message to go first."""
        behind = [held for held in self._held if held.carriage.kind == "reorder"]
        self._held = [held for held in self._held if held.carriage.kind != "reorder"]
        return [held.content for held in behind]

    @staticmethod
    def _replaces(newer: Carriage, older: Carriage) -> bool:
        return older.kind == "collapse" and newer.key == older.key


def _due_at(held: Held[T]) -> datetime:
    return held.due_at
