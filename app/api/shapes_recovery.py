"""Shapes of recovery codes and re-enrolments."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.api.shapes import In, Jwk, Jws, Out, Push, Text64


class NewRecoveryCodes(In, frozen=True):
    """The device's statement; once more, with its approval, where one was asked for."""

    statement: Jws
    approval_id: UUID | None = None


class RecoveryCodesBound(Out, frozen=True):
    state: str
    codes_left: int
    approval_id: UUID | None


class RecoveryCodesView(Out, frozen=True):
    codes_left: int
    made_at: datetime | None
    failed_tries: int
    last_failed_at: datetime | None


class NewReEnrolment(In, frozen=True):
    """With a code, both statements say the same words: one by the new device's key, one by the
    code's, and the code itself stays with its owner. With a passkey, `challenge_id` and `assertion`
    stand in their place.
    """

    trader_id: UUID
    public_jwk: Jwk
    name: Text64
    statement: Jws
    code_id: UUID | None = None
    code_statement: Jws | None = None
    challenge_id: UUID | None = None
    assertion: dict[str, Any] | None = None
    push: Push | None = None


class NewReturn(In, frozen=True):
    trader_id: UUID
    public_jwk: Jwk


class ReturnChallenge(Out, frozen=True):
    """The passkey signs SHA-256("tripcord/re-enrol/v1" ‖ 0x00 ‖ challenge ‖ SHA-256(statement))."""

    challenge_id: UUID
    challenge: str
    rp_id: str
    expires_at: datetime


class EndReEnrolment(In, frozen=True):
    trader_id: UUID
    statement: Jws


class Veto(In, frozen=True):
    """`device_id` names the old device whose key signed; its token may be dead."""

    trader_id: UUID
    device_id: UUID
    statement: Jws


class ReEnrolmentView(Out, frozen=True):
    re_enrolment_id: UUID
    state: str
    name: str
    jkt: str
    authenticator_lost: bool
    begun_at: datetime
    not_before: datetime
    expires_at: datetime
    ended_at: datetime | None


class ReEnrolmentBegun(Out, frozen=True):
    re_enrolment_id: UUID
    state: str
    not_before: datetime
    expires_at: datetime


class ReEnrolmentEnded(Out, frozen=True):
    re_enrolment_id: UUID
    state: str
