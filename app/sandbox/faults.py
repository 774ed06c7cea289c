"""Switches that make the venue misbehave on purpose, a counted number of times."""

from enum import StrEnum

import msgspec


class Mode(StrEnum):
    ERROR_500 = "error500"  # refused before it runs
    ERROR_500_AFTER = "error500_after_execute"  # runs, then answers as if the venue had failed
    DELAY = "delay"  # answers `ms` late, having run late
    HANG = "hang"  # never runs and never answers, for `ms` (or a minute)
    HANG_AFTER = "hang_after_execute"  # runs, then never answers
    RATE_LIMIT = "429"
    BAN = "418"
    RESET = "reset"  # never runs; the connection breaks
    RESET_AFTER = "reset_after_execute"  # runs; the connection breaks before the answer


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` requests of this route fail; `method` narrows it (a path has several verbs).

    `ms` is the length of a delay or a hang, and the time named by a 429 or a 418.
    """

    route: str
    mode: Mode
    count: int = 1
    ms: int = 0
    method: str | None = None


class FaultBoard:
    def __init__(self) -> None:
        self._armed: list[tuple[Fault, int]] = []  # with the requests still to fail

    def arm(self, fault: Fault) -> None:
        self._armed.append((fault, fault.count))

    def clear(self) -> None:
        self._armed.clear()

    def armed(self) -> list[dict[str, object]]:
        return [{**msgspec.to_builtins(fault), "left": left} for fault, left in self._armed]

    def take(self, route: str, method: str) -> Fault | None:
        """The first fault for this request, one use of it spent."""
        for place, (fault, left) in enumerate(self._armed):
            if fault.route == route and fault.method in (None, method):
                if left > 1:
                    self._armed[place] = (fault, left - 1)
                else:
                    del self._armed[place]
                return fault
        return None
