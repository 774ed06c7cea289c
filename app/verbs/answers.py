"""Answers of the signer about passkeys and itself; the verbs that ask for them are in `wire`."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec


class OpenedCeremony(msgspec.Struct, frozen=True, kw_only=True):
    """`options` are those of a registration, as the browser's API takes them in JSON."""

    challenge_id: UUID
    challenge: bytes
    rp_id: str
    expires_at: datetime
    options: dict[str, Any] | None = None


class BoundPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """`active`, or `pending` until the approval was given."""

    factor_id: UUID
    state: Literal["active", "pending"]
    approval_id: UUID | None = None


class BegunReEnrolment(msgspec.Struct, frozen=True, kw_only=True):
    re_enrolment_id: UUID
    not_before: datetime
    expires_at: datetime


class SignerStatus(msgspec.Struct, frozen=True, kw_only=True):
    ready: bool
    courier_connected: bool
    hsm_module: str
    not_enforced: tuple[str, ...]
    identity_jwk: dict[str, str]
    identity_jkt: str
    checkpoint_jwk: dict[str, str]
    checkpoint_jkt: str
    issuer_jwk: dict[str, str]
    issuer_kid: str
