"""A TOTP authenticator and its evidence."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.core.evidence import encode_row, row_evidence

TotpAlgorithm = Literal["SHA1", "SHA256", "SHA512"]


class TotpFactor(msgspec.Struct, frozen=True, kw_only=True):
    """`device_id` is the device whose signature brought the factor.

    Removed, it has no seed any more, and its row is sealed as removed.
    """

    trader_id: UUID
    factor_id: UUID
    root_id: UUID
    device_id: UUID
    algorithm: TotpAlgorithm
    digits: Literal[6, 8]
    period_seconds: Literal[30]
    label: str
    bound_at: datetime
    version: int
    mac: bytes
    removed_at: datetime | None = None

    def evidence(self) -> bytes:
        if self.removed_at is not None:
            return row_evidence("totp_factor/2", self)
        # As sealed before there was such a column: living factors keep their MAC.
        names = [name for name in self.__struct_fields__ if name not in {"mac", "removed_at"}]
        return encode_row("totp_factor/1", [getattr(self, name) for name in names])


class WrappedSeed(msgspec.Struct, frozen=True, kw_only=True):
    """A seed under a shard's wrapping key; only the HSM can use it."""

    shard: str
    blob: bytes
    blob_mac: bytes


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A charged attempt: what is needed to check one code."""

    factor: TotpFactor
    seed: WrappedSeed
    last_used_step: int


class TotpProof(msgspec.Struct, frozen=True):
    """A verified but unspent code. Worth nothing until `store.spend_step` commits."""

    factor_id: UUID
    step: int
