"""A grant and its evidence."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.core.evidence import row_evidence
from app.core.jose import Jwk


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """`model_jwk`: canonical JSON of the Ed25519 key. `limits`: the approved action's bytes,
    or, in a later version, that action with less in it.
    """

    trader_id: UUID
    grant_id: UUID
    root_id: UUID
    path: list[UUID]
    credential_id: UUID
    approval_id: UUID
    model_jwk: bytes
    limits: bytes
    expires_at: datetime
    granted_at: datetime
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("bot_grant/1", self)

    def key(self) -> Jwk:
        jwk: Jwk = msgspec.json.decode(self.model_jwk)
        return jwk
