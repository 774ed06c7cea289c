"""Shapes of passkeys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.api.shapes import In, Jws, Out, Text64


class NewCeremony(In, frozen=True):
    label: Text64


class Ceremony(Out, frozen=True):
    """`public_key` is what `navigator.credentials.create` takes, in JSON."""

    challenge_id: UUID
    expires_at: datetime
    public_key: dict[str, Any]


class NewPasskey(In, frozen=True):
    """`response` is `PublicKeyCredential.toJSON()`; the statement signs its digest."""

    statement: Jws
    response: dict[str, Any]


class PasskeyBound(Out, frozen=True):
    """`pending` until the approval was given."""

    factor_id: UUID
    state: str
    approval_id: UUID | None


class PasskeyView(Out, frozen=True):
    """What an app needs to ask for an assertion, and what its owner should know of it.

    `backed_up` is as of the last use: a passkey that is synced lives elsewhere, too.
    """

    factor_id: UUID
    kind: str
    label: str
    state: str
    credential_id: str
    rp_id: str
    transports: list[str]
    aaguid: UUID
    backup_eligible: bool
    backed_up: bool
    bound_at: datetime
