"""A TOTP authenticator and its evidence."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.core.evidence import row_evidence

TotpAlgorithm = Literal["SHA1", "SHA256", "SHA512"]


class TotpFactor(msgspec.Struct, frozen=True, kw_only=True):
    """`device_id` is the device whose signature brought the factor."""

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

    def evidence(self) -> bytes:
        return row_evidence("totp_factor/1", self)


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
