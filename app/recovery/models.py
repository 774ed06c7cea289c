"""A recovery code, a re-enrolment, and their evidence."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from app.core.evidence import encode_row, row_evidence
from app.core.jose import Jwk

CODES_PER_SET = 10

WAITING_TIME = timedelta(hours=24)
"""How long every old device has to say no (DESIGN section 5). The floor: it only goes up."""

COMPLETION_WINDOW = timedelta(days=7)
"""How long after the waiting time it can be completed; then another code is needed."""


class ReEnrolmentState(StrEnum):
    WAITING = "waiting"
    COMPLETED = "completed"
    VETOED = "vetoed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RecoveryCode(msgspec.Struct, frozen=True, kw_only=True):
    """`public_jwk` is canonical JSON of the Ed25519 key whose seed the code is.

    128 random bits need no slow hash (OWASP ASVS 5.0, 6.5.2 asks for one below 112), and a public
    key tells less than a hash would: what proves the code is a signature, never the code.
    """

    trader_id: UUID
    code_id: UUID
    set_number: int
    root_id: UUID
    device_id: UUID
    public_jwk: bytes
    bound_at: datetime
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("recovery_code/1", self)

    def key(self) -> Jwk:
        jwk: Jwk = msgspec.json.decode(self.public_jwk)
        return jwk


class ReEnrolment(msgspec.Struct, frozen=True, kw_only=True):
    """`root_id` is the root it ends; `public_jwk` canonical JSON of the new device's P-256 key.

    It was begun with a code, or with a passkey (`passkey_id`). `ended_by` is the device that
    vetoed, or the new one. A waiting row past `expires_at` is expired, whatever its state column
    says.
    """

    trader_id: UUID
    re_enrolment_id: UUID
    root_id: UUID
    code_id: UUID | None
    public_jwk: bytes
    name: str
    push_kind: Literal["fid", "token"] | None
    push_registration: str | None
    authenticator_lost: bool
    begun_at: datetime
    not_before: datetime
    expires_at: datetime
    state: ReEnrolmentState
    ended_at: datetime | None
    ended_by: UUID | None
    version: int
    mac: bytes
    passkey_id: UUID | None = None

    def evidence(self) -> bytes:
        """Rows of before there was `passkey_id` were sealed without it, and all with a code still
        are: a code and a passkey exclude each other, and the code is under the MAC.
        """
        if self.passkey_id is not None:
            return row_evidence("re_enrolment/2", self)
        columns = [name for name in self.__struct_fields__ if name not in {"mac", "passkey_id"}]
        return encode_row("re_enrolment/1", [getattr(self, name) for name in columns])

    def key(self) -> Jwk:
        jwk: Jwk = msgspec.json.decode(self.public_jwk)
        return jwk

    def state_at(self, now: datetime) -> ReEnrolmentState:
        """The state as it is, expiry included."""
        if self.state is ReEnrolmentState.WAITING and now >= self.expires_at:
            return ReEnrolmentState.EXPIRED
        return self.state


class CodesLeft(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the newest set; None where none was ever made."""

    codes_left: int
    made_at: datetime | None
    failures: int
    last_failed_at: datetime | None
