"""What becomes of a message: the end, or another try and when."""

from datetime import UTC, datetime, timedelta

import pytest

from app.outbox.models import Message, Topic
from app.push.models import Finish, Result, Retry, Verdict
from app.push.rules import RetryPolicy, after_sending, before_sending
from tests.push.support import a_message

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = RetryPolicy()
LATER = Verdict(Result.LATER, "unavailable")


def message(attempts: int = 1, topic: Topic = Topic.APPROVAL, hours: float = 24) -> Message:
    return a_message(attempts=attempts, topic=topic, expires_at=NOW + timedelta(hours=hours))


def after(verdict: Verdict, sent: Message, jitter: float = 0.0) -> Finish | Retry:
    return after_sending(verdict, sent, now=NOW, policy=POLICY, jitter=jitter)


def waited(verdict: Verdict, attempts: int = 1, jitter: float = 0.0) -> float:
    step = after(verdict, message(attempts), jitter)
    assert isinstance(step, Retry)
    return (step.due_at - NOW).total_seconds()


def before(leased: Message) -> Finish | None:
    return before_sending(leased, now=NOW, policy=POLICY)


def test_a_live_message_with_a_registration_is_sent() -> None:
    assert before(message()) is None


def test_a_message_that_expires_now_is_not_sent() -> None:
    assert before(message(hours=0)) == Finish(state="expired")


def test_a_message_without_a_registration_is_undeliverable() -> None:
    gone = a_message(registration=None, expires_at=NOW + timedelta(hours=1))
    assert before(gone) == Finish(state="undeliverable", error="no_registration")


def test_a_message_whose_dispatchers_all_died_is_not_begun_an_eleventh_time() -> None:
    assert before(message(attempts=10)) is None
    assert before(message(attempts=11)) == Finish(state="dead", error="attempts_exhausted")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result.SENT, Finish(state="sent")),
        (
            Result.UNREGISTERED,
            Finish(state="undeliverable", error="code", disable_registration=True),
        ),
        (Result.MISADDRESSED, Finish(state="undeliverable", error="code")),
        (Result.REFUSED, Finish(state="dead", error="code")),
    ],
)
def test_a_final_verdict_ends_the_message(result: Result, expected: Finish) -> None:
    assert after(Verdict(result, "code"), message()) == expected


def test_waits_begin_with_ten_seconds_double_and_end_at_ten_minutes() -> None:
    assert [waited(LATER, n) for n in range(1, 9)] == [10, 20, 40, 80, 160, 320, 600, 600]


def test_messages_refused_together_do_not_return_together() -> None:
    assert waited(LATER, jitter=0.0) == 10
    assert waited(LATER, jitter=0.999) == pytest.approx(15, abs=0.01)


def test_the_tenth_failure_is_the_last() -> None:
    assert isinstance(after(LATER, message(attempts=9)), Retry)
    assert after(LATER, message(attempts=10)) == Finish(state="dead", error="unavailable")


@pytest.mark.parametrize("topic", [Topic.REVOKED, Topic.SECURITY])
def test_a_security_notice_goes_on_until_it_expires(topic: Topic) -> None:
    assert isinstance(after(LATER, message(attempts=2000, topic=topic)), Retry)
    assert before(message(attempts=2000, topic=topic)) is None


def test_a_retry_that_would_come_too_late_is_not_made() -> None:
    short = message(hours=9 / 3600)
    assert after(LATER, short) == Finish(state="expired", error="unavailable")


def test_retry_after_is_honoured_but_never_shortens_the_wait() -> None:
    assert waited(Verdict(Result.THROTTLED, "quota_exceeded", 90.0)) == 90
    assert waited(Verdict(Result.LATER, "unavailable", 0.0)) == 10


def test_throttled_without_retry_after_waits_a_minute() -> None:
    assert waited(Verdict(Result.THROTTLED, "quota_exceeded")) == 60


@pytest.mark.parametrize("asked", [1e9, float("inf")])
def test_no_provider_silences_us_for_more_than_an_hour(asked: float) -> None:
    assert waited(Verdict(Result.THROTTLED, "quota_exceeded", asked)) == 3600
