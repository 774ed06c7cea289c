"""What every way of approving has in common: it proves a factor, and the proof is spent once."""

from typing import Protocol
from uuid import UUID

import msgspec

from app.approvals.errors import FactorTooWeak
from app.approvals.models import Approval
from app.approvals.offering import PUSH_OTP_MAY_APPROVE
from app.core.errors import Malformed
from app.core.origin import Origin
from app.core.statements import Decision
from app.db.pool import Tx
from app.devices.models import Device
from app.guardrails.strength import METHOD_STRENGTH, Strength


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A yes whose statement was verified, with what came beside it for the factor on top."""

    approval: Approval
    device: Device
    signed: Decision
    code: str | None
    assertion: bytes | None
    factor_id: UUID | None = None
    """Of several authenticators the one that the code is of."""

    origin: Origin = Origin(actor="signer")
    """For what proving itself logs."""


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


def check_strong_enough(approval: Approval, method: str) -> None:
    """Raise FactorTooWeak unless `method` may approve this, by what its row asks for.

    What the policy asks for by now `Needs.check` says.
    """
    proven, asked = METHOD_STRENGTH.get(method), Strength(approval.required_strength)
    if proven is None or proven < asked:
        raise FactorTooWeak
    check_may_approve(method, approval.action_type)


def check_may_approve(method: str, action_type: str) -> None:
    """Raise FactorTooWeak where a method is never enough, whatever a policy says."""
    if method == "push_otp" and action_type not in PUSH_OTP_MAY_APPROVE:
        raise FactorTooWeak


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
