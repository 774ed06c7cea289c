"""Eight attempts over 27 hours, and what each answer means."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.webhooks.models import Again, Disable, Done, Outgoing, Result, Verdict
from app.webhooks.rules import DELAYS, MAX_ATTEMPTS, after_attempt

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FAILED = Verdict(Result.FAILED, "500")


def message(failures: int) -> Outgoing:
    return Outgoing(
        trader_id=uuid4(), message_id=uuid4(), platform_id=uuid4(), webhook_id=uuid4(),
        url="https://hook.example/", event="session-revoked", attempts=failures + 1,
        failures=failures, expires_at=NOW + timedelta(hours=72),
    )  # fmt: skip


def test_eight_attempts_take_27_hours_and_the_last_failure_disables() -> None:
    now, made = NOW, 0
    while True:
        step = after_attempt(FAILED, message(made), now=now, jitter=0.0)
        made += 1
        if isinstance(step, Disable):
            break
        assert isinstance(step, Again)
        now = step.due_at
    assert made == MAX_ATTEMPTS == 8
    assert timedelta(hours=27) <= now - NOW < timedelta(hours=28)
    assert step == Disable(reason="unreachable")


@pytest.mark.parametrize("failures", range(len(DELAYS)))
def test_a_pause_is_up_to_a_tenth_longer(failures: int) -> None:
    first = after_attempt(FAILED, message(failures), now=NOW, jitter=0.0)
    last = after_attempt(FAILED, message(failures), now=NOW, jitter=0.999999)
    assert isinstance(first, Again)
    assert isinstance(last, Again)
    assert first.due_at - NOW == DELAYS[failures]
    assert DELAYS[failures] < last.due_at - NOW <= DELAYS[failures] * 1.1


def test_taken_is_done_and_gone_is_the_end_at_once() -> None:
    for failures in range(8):
        taken = after_attempt(Verdict(Result.TAKEN, "200"), message(failures), now=NOW, jitter=0)
        gone = after_attempt(Verdict(Result.GONE, "410"), message(failures), now=NOW, jitter=0)
        assert (taken, gone) == (Done(), Disable(reason="gone"))
