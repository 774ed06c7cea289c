"""An exchange credential and its evidence."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from app.core.evidence import row_evidence


class LinkState(StrEnum):
    PENDING = "pending"
    VERIFYING = "verifying"
    ACTIVE = "active"
    REFUSED = "refused"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """`api_key_id` is the venue's public key id; `permissions` what was read back."""

    trader_id: UUID
    credential_id: UUID
    root_id: UUID
    path: list[UUID]
    device_id: UUID
    venue_id: str
    api_key_id: str
    algorithm: str
    label: str
    envelope_sha256: bytes
    state: LinkState
    refused_reason: str | None
    permissions: list[str] | None
    attested_at: datetime | None
    approval_id: UUID | None
    linked_at: datetime
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("exchange_credential/1", self)


class WrappedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange secret under a shard's wrapping key; only the HSM can use it."""

    shard: str
    blob: bytes
    blob_mac: bytes
