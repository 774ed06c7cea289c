"""What an approval is, and the evidence of its decision."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from app.core.evidence import row_evidence

DEFAULT_LIFE = timedelta(seconds=120)
LONGEST_LIFE = timedelta(minutes=10)


Prompt = Literal["rang", "silent", "gathered"]
"""Whether a doorbell was queued: `silent` is listed only, `gathered` waits for a burst's batch."""


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    CONSUMED = "consumed"
    DENIED = "denied"
    FRAUD = "fraud"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One action waiting for, or decided by, its trader.

    `action` is canonical JSON, `digest` its SHA-256, `nonce` 32 random bytes. A pending row past
    `expires_at` is expired, whatever its state column says. `asked_from` is the address that our
    edge saw the request come from.
    """

    trader_id: UUID
    approval_id: UUID
    requester: str
    action_type: str
    action: bytes
    digest: bytes
    nonce: bytes
    required_strength: str
    subject_id: UUID
    state: ApprovalState
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    consumed_at: datetime | None
    asked_from: str | None = None
    lineage: str = ""
    intent: str = ""
    prompt: Prompt = "rang"

    def state_at(self, now: datetime) -> ApprovalState:
        """The state as it is: what nobody decided, or carried out, in time is expired."""
        open_still = self.state in {ApprovalState.PENDING, ApprovalState.APPROVED}
        return ApprovalState.EXPIRED if open_still and now >= self.expires_at else self.state


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The one decision about an approval, with the statement its device signed."""

    trader_id: UUID
    approval_id: UUID
    root_id: UUID
    device_id: UUID
    nonce: bytes
    digest: bytes
    decision: Literal["approve", "deny", "fraud"]
    method: Literal["none", "totp", "webauthn", "device_number", "push_otp"]
    factor_id: UUID | None
    statement: str
    decided_at: datetime
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("decision/1", self)
