"""One-time passwords that a phone is told over its own channel, typed where it was asked for."""

import re
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from app.core.canonical import sha256
from app.core.evidence import encode_row

DIGITS = 8
MAX_ATTEMPTS = 5
"""Guesses in all for one approval, however often its code is made anew: 5 in 100,000,000."""

_CODE = re.compile(r"[0-9]{8}\Z", re.ASCII)


class PushOtp(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a code: who was told it, what they signed for it, and a MAC over both.

    `attempts` are those that were charged; `tag` is over everything else and the code.
    """

    trader_id: UUID
    approval_id: UUID
    root_id: UUID
    device_id: UUID
    statement: str
    tag: bytes
    made_at: datetime
    expires_at: datetime
    attempts: int

    def evidence(self, code: str, *, nonce: bytes, digest: bytes) -> bytes:
        """Evidence message of `code` as told for one request and one action."""
        return encode_row(
            "push_otp/1",
            [
                self.trader_id,
                self.approval_id,
                self.root_id,
                self.device_id,
                sha256(self.statement.encode()),
                self.made_at,
                self.expires_at,
                nonce,
                digest,
                code,
            ],
        )


def new_code() -> str:
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"


def is_code(text: str) -> bool:
    """Whether a text has the form of a code: exactly eight ASCII digits."""
    return _CODE.match(text) is not None
