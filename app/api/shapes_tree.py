"""Shapes of the token tree's requests and replies."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from app.api.shapes import In, Jwk, Jws, Market, Model, Moment, Money, Out, Text64
from app.api.shapes_asking import RequesterContext

Networks = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f:./]{2,49}\Z")]],
    msgspec.Meta(max_length=32),
]
"""CIDR blocks or single addresses; [] is anywhere."""

Scopes = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"^[a-z.]{1,32}\Z")]], msgspec.Meta(max_length=16)
]
LeakedText = Annotated[str, msgspec.Meta(max_length=256)]


class NewGrant(In, frozen=True, tag_field="kind", tag="grant"):
    """On a credential all sizes are named; under a grant, what is left out is the parent's."""

    trader_id: UUID
    parent_id: UUID
    public_jwk: Jwk
    model: Model
    markets: Annotated[list[Market], msgspec.Meta(min_length=1, max_length=64)] | None = None
    allocation: Money | None = None
    free_limit: Money | None = None
    max_order: Money | None = None
    expires_at: Moment | None = None
    scope: Scopes | None = None
    ip_networks: Networks | None = None
    lease_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] | None = None
    context: RequesterContext | None = None


class NewPlatformToken(In, frozen=True, tag_field="kind", tag="platform"):
    """`public_jwk` is the platform's own key; its proofs of possession go with the token."""

    trader_id: UUID
    public_jwk: Jwk
    label: Text64
    scope: Annotated[Scopes, msgspec.Meta(min_length=1)]
    parent_id: UUID | None = None
    expires_at: Moment | None = None
    ip_networks: Networks | None = None
    context: RequesterContext | None = None


class NodeView(Out, frozen=True):
    token_id: UUID
    kind: str
    parent_id: UUID | None
    label: str
    state: str
    created_at: datetime
    expires_at: datetime


class FenceView(Out, frozen=True):
    imposed_by: str
    state: str
    reason: str
    imposed_at: datetime


class LimitsView(Out, frozen=True):
    """What is in force: the tightest on the path. Amounts only where a grant is on it.

    `ip_networks` None is anywhere, [] is nowhere. A grant nobody approved yet has none.
    """

    scope: list[str]
    ip_networks: list[str] | None
    expires_at: datetime
    markets: list[str] | None = None
    allocation: Money | None = None
    max_order: Money | None = None
    free_limit: Money | None = None
    lease_hours: int | None = None


class NodeDetail(Out, frozen=True):
    token_id: UUID
    kind: str
    parent_id: UUID | None
    path: list[UUID]
    label: str
    state: str
    version: int
    created_at: datetime
    expires_at: datetime
    ip_networks: list[str]
    fences: list[FenceView]
    limits: LimitsView


class NarrowNode(In, frozen=True):
    """`statement` is the device's JWS `tripcord/narrow/v1`: node, version, and the new limits."""

    statement: Jws


class Narrowed(Out, frozen=True):
    token_id: UUID
    version: int


class NewNetworks(In, frozen=True):
    """`trader_id` is for a platform's client token; a device knows its own."""

    ip_networks: Networks
    trader_id: UUID | None = None
    context: RequesterContext | None = None


class ApprovalAsked(Out, frozen=True):
    approval_id: UUID


class Rotated(Out, frozen=True):
    """`token` is shown here only. The old one is good until this one is used."""

    token_id: UUID
    token: str
    old_dies_at: datetime


class Leak(In, frozen=True):
    token: LeakedText
    url: Annotated[str, msgspec.Meta(max_length=2048)] | None = None


class Leaks(In, frozen=True):
    leaks: Annotated[list[Leak], msgspec.Meta(min_length=1, max_length=100)]


class LeaksTaken(Out, frozen=True):
    received: int


class TokenPattern(Out, frozen=True):
    pattern: str
    checksum: str
    report_to: str


KindName = Literal["trader", "device", "session", "platform", "credential", "grant"]
