"""A trader, as far as a platform may know."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

ENROLMENT_CODE_LIFE = timedelta(minutes=10)


class Trader(msgspec.Struct, frozen=True, kw_only=True):
    """`root_id` is None until a first device is bound."""

    trader_id: UUID
    platform_id: UUID
    root_id: UUID | None
    frozen_empty: bool
    created_at: datetime


class EnrolmentCode(msgspec.Struct, frozen=True, kw_only=True):
    trader_id: UUID
    code_id: UUID
    code_hash: bytes
    expires_at: datetime
    redeemed_by_jkt: str | None
