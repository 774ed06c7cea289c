"""Refusals of the recovery room."""

from app.core.errors import DomainError


class ReEnrolmentRefused(DomainError):
    """Unknown trader, unknown, wrong, used or replaced code, or a key that is known: one answer."""

    code = "re_enrolment_refused"
    sentence = "This recovery code cannot be used here."


class ReEnrolmentOpen(DomainError):
    """One at a time: a second request replaces nothing."""

    code = "re_enrolment_open"
    sentence = "A re-enrolment is waiting already; a device may veto it, or its own key cancel it."


class ReEnrolmentNotFound(DomainError):
    """No such re-enrolment, or not for this key: one answer."""

    code = "re_enrolment_not_found"
    sentence = "There is no such re-enrolment."


class ReEnrolmentOver(DomainError):
    """Completed, vetoed, cancelled or expired; the rule says which."""

    code = "re_enrolment_over"
    sentence = "This re-enrolment has ended."


class WaitingTimeNotOver(DomainError):
    """The old devices still have time to say no."""

    code = "waiting_time_not_over"
    sentence = "The waiting time is not over yet."


class VetoRefused(DomainError):
    """Not a device of this root, or one that was reported lost."""

    code = "veto_refused"
    sentence = "This device may not veto."


class RecoveryCodesRefused(DomainError):
    """Codes named twice, known already, or not the ones that were approved."""

    code = "recovery_codes_refused"
    sentence = "These recovery codes cannot be registered; make new ones."
