"""What becomes of a message before and after it was sent. Pure: no clock, no I/O, no dice."""

from datetime import datetime, timedelta

import msgspec

from app.outbox.models import Message, Topic
from app.outbox.store import MAX_ATTEMPTS
from app.push.doorbell import address_of
from app.push.models import Finish, Result, Retry, Verdict

NEVER_GIVEN_UP = frozenset({Topic.REVOKED, Topic.SECURITY})
"""Notices that go on until they expire, however often they failed (DESIGN section 10)."""

MAX_RETRY_AFTER_SECONDS = 3600.0
"""The longest wait a provider may impose; phones poll anyway."""

_JITTER = 0.5
"""Up to half as long again, so that messages refused together do not return together."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds.

    FCM's guidance: at least 10 s before a retry, growing exponentially with jitter; after 429
    without Retry-After one minute.
    """

    min_seconds: float = 10.0
    max_seconds: float = 600.0
    throttled_seconds: float = 60.0
    max_attempts: int = MAX_ATTEMPTS

    def wait_seconds(self, verdict: Verdict, *, attempts: int, jitter: float) -> float:
        """Seconds until the next attempt; `attempts` made so far, `jitter` from [0, 1)."""
        # The exponent is bounded because a day of attempts would overflow a float.
        backoff = min(self.min_seconds * 2.0 ** min(attempts - 1, 32), self.max_seconds)
        backoff *= 1 + _JITTER * jitter
        asked = verdict.retry_after_seconds
        if asked is None:
            throttled = verdict.result is Result.THROTTLED
            return max(backoff, self.throttled_seconds) if throttled else backoff
        return max(backoff, min(asked, MAX_RETRY_AFTER_SECONDS))


def before_sending(message: Message, *, now: datetime, policy: RetryPolicy) -> Finish | None:
    """End a leased message that must not be sent; None when it may."""
    if message.expires_at <= now:
        return Finish(state="expired")
    if address_of(message) is None:
        return Finish(state="undeliverable", error="no_registration")
    # Attempts count when they begin: what kills its dispatcher does not get to kill them all.
    if message.attempts > policy.max_attempts and message.topic not in NEVER_GIVEN_UP:
        return Finish(state="dead", error="attempts_exhausted")
    return None


def after_sending(
    verdict: Verdict, message: Message, *, now: datetime, policy: RetryPolicy, jitter: float
) -> Finish | Retry:
    """Decide what the verdict means for the message."""
    match verdict.result:
        case Result.SENT:
            return Finish(state="sent")
        case Result.UNREGISTERED:
            return Finish(state="undeliverable", error=verdict.code, disable_registration=True)
        case Result.MISADDRESSED:
            return Finish(state="undeliverable", error=verdict.code)
        case Result.REFUSED:
            return Finish(state="dead", error=verdict.code)
        case Result.THROTTLED | Result.LATER:
            return _again(verdict, message, now=now, policy=policy, jitter=jitter)


def _again(
    verdict: Verdict, message: Message, *, now: datetime, policy: RetryPolicy, jitter: float
) -> Finish | Retry:
    if message.attempts >= policy.max_attempts and message.topic not in NEVER_GIVEN_UP:
        return Finish(state="dead", error=verdict.code)
    wait = policy.wait_seconds(verdict, attempts=message.attempts, jitter=jitter)
    due_at = now + timedelta(seconds=wait)
    if due_at >= message.expires_at:
        return Finish(state="expired", error=verdict.code)
    return Retry(due_at=due_at, error=verdict.code)
