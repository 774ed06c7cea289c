"""What time it is; a value passed in, so that an hour can pass in a test."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC time."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as the rest of Tripcord writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
