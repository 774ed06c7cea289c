"""When to try again, and when to give up. Pure: no clock, no I/O, no dice."""

from datetime import datetime, timedelta
from typing import Final

from app.webhooks.models import Again, Disable, Done, Outgoing, Result, Verdict

DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""Pauses after the first attempt, the second, ...: the example schedule of Standard Webhooks, eight
attempts over 27 h 35 min."""

MAX_ATTEMPTS: Final = len(DELAYS) + 1

JITTER: Final = 0.1
"""Up to a tenth longer, so that what failed together does not return together."""

OUR_FAULT: Final = timedelta(seconds=10)
"""Pause when it was a part of ours that was missing; the receiver is not blamed for it."""


def after_attempt(
    verdict: Verdict, message: Outgoing, *, now: datetime, jitter: float
) -> Done | Again | Disable:
    """What the verdict means for the message and its webhook; `jitter` from [0, 1)."""
    match verdict.result:
        case Result.TAKEN:
            return Done()
        case Result.GONE:
            return Disable(reason="gone")
        case Result.FAILED:
            if message.failures >= len(DELAYS):
                return Disable(reason="unreachable")
            pause = DELAYS[message.failures] * (1 + JITTER * jitter)
            return Again(due_at=now + pause, error=verdict.code)
