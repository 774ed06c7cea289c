"""When a re-enrolment may end, and how. Pure."""

from datetime import datetime

from app.recovery.errors import ReEnrolmentOver, WaitingTimeNotOver
from app.recovery.models import ReEnrolment, ReEnrolmentState


def check_waiting(re_enrolment: ReEnrolment, *, now: datetime) -> None:
    """Raise ReEnrolmentOver (rule = the state) unless it still waits."""
    state = re_enrolment.state_at(now)
    if state is not ReEnrolmentState.WAITING:
        raise ReEnrolmentOver(rule=state.value)


def check_may_complete(re_enrolment: ReEnrolment, *, now: datetime) -> None:
    """Raise unless it waits and its waiting time is over.

    Raises
    ------
    ReEnrolmentOver
        It has ended.
    WaitingTimeNotOver
        With the seconds that are left.
    """
    check_waiting(re_enrolment, now=now)
    if now < re_enrolment.not_before:
        left = re_enrolment.not_before - now
        raise WaitingTimeNotOver(retry_after_seconds=int(left.total_seconds()) + 1)
