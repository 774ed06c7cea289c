"""Shapes of codes: numbers on the requester's screen, one-time passwords on the phone's."""

from datetime import datetime
from uuid import UUID

from app.api.shapes import Code, In, Jwk, Jws, Out, Text64


class AskNumber(In, frozen=True):
    """`trader_id` where whoever asks has no token in the trader's tree."""

    trader_id: UUID | None = None


class AskSignInNumber(In, frozen=True):
    trader_id: UUID


class AskCode(In, frozen=True):
    """The phone's signed reveal request: its yes, pending the code."""

    statement: Jws


class TypedCode(In, frozen=True):
    """What the person typed at the requester's; `trader_id` as in `AskNumber`."""

    code: Code
    trader_id: UUID | None = None


class CodeShown(Out, frozen=True):
    """Digits to show, and until when they are good."""

    code: str
    expires_at: datetime


class NewAddition(In, frozen=True):
    """A further phone, as it shows itself: its own public key, and what to call it."""

    public_jwk: Jwk
    name: Text64


class AdditionAsked(Out, frozen=True):
    """What the further phone needs to bind itself, once this is approved."""

    approval_id: UUID
    trader_id: UUID
    jkt: str
    expires_at: datetime
