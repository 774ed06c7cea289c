"""What every way of approving has in common: it proves a factor, and the proof is spent once."""

from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import msgspec

from app.approvals.models import Approval
from app.core.errors import Malformed
from app.core.statements import Decision
from app.db.pool import Tx
from app.devices.models import Device
from app.guardrails.strength import Strength

METHOD_STRENGTH = MappingProxyType(
    {
        "webauthn": Strength.PHISHING_RESISTANT,
        "device_number": Strength.STRONG,
        "totp": Strength.MEDIUM,
        "push_otp": Strength.OUT_OF_BAND,
    }
)
"""What each method proves (DESIGN section 6). `none` proves nothing and only denies."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A yes whose statement was verified, with what came beside it for the factor on top."""

    approval: Approval
    device: Device
    signed: Decision
    code: str | None
    assertion: bytes | None


class Proof(Protocol):
    """A verified but unspent factor; worth nothing until `spend` is part of the decision's commit.

    `factor_id` is None where the method has no factor of its own.
    """

    @property
    def factor_id(self) -> UUID | None: ...

    async def spend(self, tx: Tx) -> None:
        """Use the proof up, once, or raise what its method raises."""


class Method(Protocol):
    async def prove(self, asked: Asked) -> Proof:
        """Verify the factor; a failed guess is charged in a transaction of its own."""


class Proven(msgspec.Struct, frozen=True):
    """A factor that was proven, and spent, before this decision."""

    factor_id: UUID

    async def spend(self, tx: Tx) -> None:
        del tx


def check_parts(signed: Decision, *, code: str | None, assertion: bytes | None) -> None:
    """Raise Malformed where a part came that the signed method does not take."""
    taken = {
        "totp": {"code"},
        "webauthn": {"assertion"},
        "device_number": {"number"},
        "push_otp": {"code"},
    }.get(signed.method, set())
    sent = {
        name
        for name, part in (
            ("code", code),
            ("assertion", assertion),
            ("number", None if signed.number is msgspec.UNSET else signed.number),
        )
        if part is not None
    }
    if not sent <= taken or (signed.decision == "approve") != (signed.method != "none"):
        raise Malformed
