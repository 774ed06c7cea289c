"""Shapes of requests and replies. Unknown fields refuse; bytes are base64url text."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

Text64 = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text128 = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
Base64Url = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,16384}\Z")]
Jws = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,16384}\Z")]
TokenText = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
"""Not a digit pattern: a malformed code is a failed attempt, and charged."""

Moment = Annotated[str, msgspec.Meta(pattern=r"^[0-9TZ:.+-]{20,40}\Z")]
"""RFC 3339. A text, because the framework would read a number as a time, too."""

AmountText = Annotated[str, msgspec.Meta(pattern=r"^[0-9.]{1,40}\Z")]
Market = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/-]{1,32}\Z")]
Jwk = dict[str, Any]


class In(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body."""


class Out(msgspec.Struct, frozen=True, kw_only=True):
    """A reply body."""


class NewTrader(In, frozen=True):
    pass


class TraderCreated(Out, frozen=True):
    trader_id: UUID
    enrolment_code: str
    enrolment_uri: str
    expires_at: datetime
    identity_jkt: str


class TraderView(Out, frozen=True):
    trader_id: UUID
    enrolled: bool
    created_at: datetime


class Push(In, frozen=True):
    provider: Literal["fcm"]
    kind: Literal["fid", "token"]
    registration: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class NewDevice(In, frozen=True):
    """A first phone has the enrolment code; a further one its trader and its key's approval."""

    public_jwk: Jwk
    name: Text64
    statement: Jws
    enrolment_code: TokenText | None = None
    trader_id: UUID | None = None
    approval_id: UUID | None = None
    push: Push | None = None


class DeviceBound(Out, frozen=True):
    trader_id: UUID
    device_id: UUID
    root_token_id: UUID
    device_token: str
    identity_jwk: dict[str, str]
    identity_jkt: str
    checkpoint_jkt: str


class DeviceView(Out, frozen=True):
    device_id: UUID
    name: str
    jkt: str
    bound_at: datetime


class NewSealingKey(In, frozen=True):
    purpose: Literal["totp", "exchange"]


class SealingKeyView(Out, frozen=True):
    sealing_key_id: UUID
    public_point: str
    expires_at: datetime
    statement: str


class Envelope(In, frozen=True):
    ephemeral: Base64Url
    ciphertext: Base64Url


class NewTotp(In, frozen=True):
    statement: Jws
    envelope: Envelope
    code: Code
    approval_id: UUID | None = None


class FactorView(Out, frozen=True):
    """`bound`, or `awaiting_approval` with the approval to come back with."""

    factor_id: UUID
    state: Literal["bound", "awaiting_approval"] = "bound"
    approval_id: UUID | None = None


class NewCredential(In, frozen=True):
    statement: Jws
    envelope: Envelope
    algorithm: Text64
    proof: Base64Url


class CredentialImported(Out, frozen=True):
    credential_id: UUID
    state: str


class CredentialView(Out, frozen=True):
    credential_id: UUID
    venue: str
    api_key_id: str
    label: str
    state: str
    refused_reason: str | None
    permissions: list[str] | None
    approval_id: UUID | None


class Money(In, frozen=True):
    amount: AmountText
    quote: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,16}\Z")]


class Model(In, frozen=True):
    name: Text64
    digest: Text128
    version: Text64


class GrantRequested(Out, frozen=True):
    token_id: UUID
    token: str
    approval_id: UUID


class ApprovalView(Out, frozen=True):
    """`action` is the canonical bytes, base64url: render these and nothing else."""

    approval_id: UUID
    template: str
    action: str
    digest: str
    nonce: str
    required_strength: str
    methods: list[str]
    requester: str
    state: str
    created_at: datetime
    expires_at: datetime


class DecideApproval(In, frozen=True):
    """`code` or `assertion`, as the signed method takes one."""

    statement: Jws
    code: Code | None = None
    assertion: dict[str, Any] | None = None
    factor_id: UUID | None = None


class Decided(Out, frozen=True):
    approval_id: UUID
    state: str
    outcome: dict[str, Any] | None = None


class NewOrder(In, frozen=True):
    order: Jws


class OrderPlaced(Out, frozen=True):
    order_id: UUID
    state: str
    client_order_id: str
    sequence: int
    approval_id: UUID | None


class NewSession(In, frozen=True):
    trader_id: UUID
    public_jwk: Jwk


class SessionProof(In, frozen=True):
    trader_id: UUID
    code: Code | None = None
    factor_id: UUID | None = None


class SessionView(Out, frozen=True):
    session_id: UUID
    state: str
    approval_id: UUID
    expires_at: datetime
    session_token: str | None = None


class Page(Out, frozen=True):
    """A page; `cursor` is there when more may follow."""

    items: list[Any]
    cursor: str | None = None
