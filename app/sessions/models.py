"""A sign-in attempt, and the evidence of its code."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from app.core.evidence import encode_row

ATTEMPT_LIFE = timedelta(minutes=5)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`session_id` becomes the session token's id; `jkt` is the browser's key."""

    trader_id: UUID
    session_id: UUID
    jkt: str
    address: str
    user_agent: str
    approval_id: UUID
    code_verified_at: datetime | None
    code_factor_id: UUID | None
    code_mac: bytes | None
    state: Literal["pending", "active", "denied"]
    created_at: datetime
    expires_at: datetime

    def code_evidence(self, factor_id: UUID, verified_at: datetime) -> bytes:
        """Evidence message for "this attempt's code was verified with that factor"."""
        return encode_row(
            "session_code/1",
            [self.trader_id, self.session_id, self.approval_id, self.jkt, factor_id, verified_at],
        )
