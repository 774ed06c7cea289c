"""Believe a row: its MAC, its root, its place in the ladder."""

from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from app.approvals.actions import TokenLift, read_action
from app.approvals.models import Approval
from app.core.clock import Clock
from app.core.jose import Jwk
from app.core.statements import (
    BindFactor,
    BindPasskey,
    Decision,
    Heartbeat,
    LinkCredential,
    Narrow,
    PolicyCancel,
    PolicyStatement,
    RecoveryCodes,
    Reveal,
    verify,
)
from app.db.pool import Tx
from app.deciding.errors import DeviceRejected, StatementRejected
from app.devices import store as devices
from app.devices.models import Device
from app.guardrails.rungs import Rung, Verb, check_rung
from app.tokens import store as tokens
from app.tokens.models import Level
from app.vault.evidence import Evidence

STATEMENT_LIFE = timedelta(minutes=5)
"""How old a device's statement may be; each is also spent once by what it names."""

_RUNGS = tuple(Rung)

T = TypeVar(
    "T", BindFactor, BindPasskey, LinkCredential, Heartbeat, Narrow, PolicyStatement, PolicyCancel
)


def rung_of(level: Level) -> Rung:
    """The stored level in the ladder's words."""
    return _RUNGS[level]


class Witness:
    """Verifies devices and what they signed. Holds nothing between calls."""

    def __init__(self, evidence: Evidence, clock: Clock) -> None:
        self._evidence = evidence
        self._clock = clock

    async def device(self, tx: Tx, trader_id: UUID, device_id: UUID) -> Device:
        """A device whose row the HSM vouches for.

        Raises
        ------
        DeviceRejected
            No such device of this trader.
        EvidenceForged
            The row is not as the signer wrote it.
        """
        device = await devices.get(tx, trader_id, device_id)
        if device is None:
            raise DeviceRejected
        await self._evidence.verify([(device.evidence(), device.mac)])
        return device

    async def check_may(self, tx: Tx, device: Device, verb: Verb) -> None:
        """Raise unless the device's path allows `verb` now. Call it under the trader lock.

        The path is made of columns that the MAC covers, not read from the token's row.
        """
        path = [device.root_id, device.device_id]
        node = await tokens.get(tx, device.trader_id, device.device_id)
        if node is None or node.expires_at <= self._clock.now():
            raise DeviceRejected
        level = await tokens.effective_level(tx, device.trader_id, path)
        check_rung(rung_of(level), verb, node_id=device.device_id)


def approving(approval: Approval, device: Device) -> Verb:
    """What a device does that says yes to `approval`.

    A frozen device decides nothing, but for its own request to be let go: about itself or its
    root, asked by itself. The digest of these bytes is what it signs.
    """
    if approval.action_type != "token.lift":
        return Verb.APPROVE
    lift = read_action(approval.action, TokenLift)
    own = lift.requested_by == f"device:{device.device_id}"
    return (
        Verb.LIFT if own and lift.token_id in {device.device_id, device.root_id} else Verb.APPROVE
    )


def check_fresh(issued_at: int, now: datetime) -> None:
    """Raise StatementRejected unless `issued_at` (Unix seconds) is within five minutes of now."""
    if abs(now.timestamp() - issued_at) > STATEMENT_LIFE.total_seconds():
        raise StatementRejected


def bind_factor_statement(text: str, device: Device, now: datetime | None) -> BindFactor:
    """The seed a device sealed. Without `now` its age is bounded by an approval of it."""
    claims = verify(text, BindFactor, expected_key=device.key())
    return _of(claims, device, now)


def bind_passkey_statement(text: str, device: Device, now: datetime) -> BindPasskey:
    return _of(verify(text, BindPasskey, expected_key=device.key()), device, now)


def link_statement(text: str, device: Device, now: datetime) -> LinkCredential:
    return _of(verify(text, LinkCredential, expected_key=device.key()), device, now)


def recovery_codes_statement(text: str, device: Device) -> RecoveryCodes:
    """The codes a device names. Its age is checked by `check_fresh`, or bounded by an approval."""
    claims = verify(text, RecoveryCodes, expected_key=device.key())
    if (claims.trader_id, claims.device_id) != (device.trader_id, device.device_id):
        raise StatementRejected
    return claims


def heartbeat_statement(text: str, device: Device, now: datetime) -> Heartbeat:
    return _of(verify(text, Heartbeat, expected_key=device.key()), device, now)


def narrow_statement(text: str, device: Device, now: datetime) -> Narrow:
    """What a device wants less of; it counts once, because it names the version it changes."""
    return _of(verify(text, Narrow, expected_key=device.key()), device, now)


def policy_statement(text: str, device: Device, now: datetime) -> PolicyStatement:
    """A policy a device wants; it counts once, because it names the version it follows."""
    return _of(verify(text, PolicyStatement, expected_key=device.key()), device, now)


def policy_cancel_statement(text: str, device: Device, now: datetime) -> PolicyCancel:
    return _of(verify(text, PolicyCancel, expected_key=device.key()), device, now)


def decision_statement(text: str, key: Jwk, device: Device) -> Decision:
    """The decision a device signed; its age is bounded by the approval's, so no clock here."""
    claims = verify(text, Decision, expected_key=key)
    if (claims.trader_id, claims.device_id) != (device.trader_id, device.device_id):
        raise StatementRejected
    return claims


def reveal_statement(text: str, device: Device) -> Reveal:
    """A yes that waits for the code to be typed; as with a decision, no clock here."""
    claims = verify(text, Reveal, expected_key=device.key())
    if (claims.trader_id, claims.device_id) != (device.trader_id, device.device_id):
        raise StatementRejected
    return claims


def approving_statement(text: str, device: Device, method: str) -> Decision | Reveal:
    """What a device signed when it approved by `method`."""
    if method == "push_otp":
        return reveal_statement(text, device)
    return decision_statement(text, device.key(), device)


def _of(claims: T, device: Device, now: datetime | None) -> T:
    if (claims.trader_id, claims.device_id) != (device.trader_id, device.device_id):
        raise StatementRejected
    if now is not None:
        check_fresh(claims.iat, now)
    return claims
