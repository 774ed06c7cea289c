"""Shapes of what platforms ask for, and of the typed actions."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from app.api.shapes import In, Out
from app.approvals.models import LONGEST_LIFE

_Claimed = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class RequesterContext(In, frozen=True):
    """What the platform saw of its own user; shown on the phone as claimed by the platform.

    Longer texts are cut to 128 characters; what could hide or reorder is replaced.
    """

    address: Annotated[str, msgspec.Meta(min_length=2, max_length=49)] | None = None
    user_agent: _Claimed | None = None
    place: _Claimed | None = None
    message: _Claimed | None = None


class NewApproval(In, frozen=True):
    """One action, as RFC 9396 has it. `requested_expiry` is in seconds."""

    trader_id: UUID
    authorization_details: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1, max_length=1)]
    context: RequesterContext | None = None
    requested_expiry: (
        Annotated[int, msgspec.Meta(ge=10, le=int(LONGEST_LIFE.total_seconds()))] | None
    ) = None


class AskedApproval(Out, frozen=True):
    approval_id: UUID
    state: str
    expires_at: datetime


class OfTrader(In, frozen=True):
    """A client's token is of no trader, so it names one."""

    trader_id: UUID | None = None


class Redeemed(Out, frozen=True):
    """A compact JWS, `typ` tripcord-redemption+jwt, verified by `/.well-known/jwks.json`."""

    approval_id: UUID
    statement: str


class ActionType(Out, frozen=True):
    """`json_schema` is of the canonical form; `external` may be asked for by platforms."""

    type: str
    template: str
    external: bool
    json_schema: dict[str, Any]
