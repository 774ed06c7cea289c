"""A passkey and its evidence, what verifying makes of one, and who we are to an authenticator."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from app.core.canonical import sha256
from app.core.encoding import lp
from app.core.evidence import row_evidence

CHALLENGE_LIFE = timedelta(minutes=5)
"""How long a person may take. WebAuthn Level 3 section 15.1 recommends 5 to 10 minutes."""

CHALLENGE_BYTES = 32
"""Section 13.4.3 asks for 16 at least."""

Purpose = Literal["register", "re_enrol"]
State = Literal["pending", "active", "frozen", "removed"]


class RelyingParty(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are: the RP ID, and the origins that may speak for it.

    `origins` are web origins, `android:apk-key-hash:…` of our apps, and for iOS apps the origin of
    the RP ID itself, which is what iOS sends for an associated app.
    """

    rp_id: str
    origins: frozenset[str]


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """`device_id` is the device that brought it; `public_key` is a COSE key.

    `sign_count`, `backed_up` and `state` change, each time with a version and a MAC of their own.
    A pending one approves nothing until an approval let it in. That the user was verified at
    registration is not a column: nothing else is registered.
    """

    trader_id: UUID
    factor_id: UUID
    root_id: UUID
    device_id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    transports: list[str]
    aaguid: UUID
    attestation: str
    rp_id: str
    label: str
    state: State
    bound_at: datetime
    version: int
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("passkey/1", self)

    def details_digest(self) -> bytes:
        """What makes it this one and no other, however often it is used: its id and its key."""
        return sha256(lp(self.credential_id, self.public_key))


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified registration says of the new credential."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    transports: list[str]
    aaguid: UUID
    attestation: str


class Asserted(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified assertion says of its credential."""

    sign_count: int
    backed_up: bool


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """32 random bytes for one ceremony. `bound_to` is the only device or key that may use it."""

    trader_id: UUID
    challenge_id: UUID
    purpose: Purpose
    bound_to: str
    challenge: bytes
    created_at: datetime
    expires_at: datetime


def user_handle(trader_id: UUID) -> bytes:
    """`user.id` of a trader's passkeys: random, and nothing about a person (section 14.6.1).

    With it a passkey alone tells whose it is, to a trader who lost everything else.
    """
    return trader_id.bytes


def usable(passkeys: Sequence[Passkey], root_id: UUID) -> list[Passkey]:
    """Those that may approve under a root."""
    return [one for one in passkeys if one.state == "active" and one.root_id == root_id]
