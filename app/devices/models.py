"""A device and its evidence."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.core.evidence import row_evidence
from app.core.jose import Jwk


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`public_jwk` is canonical JSON of a P-256 key; `device_id` is also its token's id."""

    trader_id: UUID
    device_id: UUID
    root_id: UUID
    public_jwk: bytes
    name: str
    bound_at: datetime
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("device/1", self)

    def key(self) -> Jwk:
        jwk: Jwk = msgspec.json.decode(self.public_jwk)
        return jwk


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """When a device was last shown, by a tap, to be in its trader's hand.

    `issued_at` is the device's word and only grows; `seen_at` is the signer's clock.
    """

    trader_id: UUID
    device_id: UUID
    root_id: UUID
    issued_at: datetime
    seen_at: datetime
    nonce: bytes
    statement: str
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("device_heartbeat/1", self)


class PushRegistration(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    kind: str
    registration: str
