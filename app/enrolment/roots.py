"""A root and its first device: made at enrolment, and again when a trader comes back."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.core import token
from app.core.ids import new_id
from app.db.pool import Tx
from app.devices import store as devices
from app.devices.models import Device, PushRegistration
from app.tokens import store as tokens
from app.tokens.models import DEVICE_LIFE, ROOT_LIFE, NewNode
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.verbs.wire import BoundDevice, PushTarget


class NewPhone(msgspec.Struct, frozen=True, kw_only=True):
    """`public_jwk` is canonical JSON of a P-256 key, `jkt` its thumbprint."""

    trader_id: UUID
    public_jwk: bytes
    jkt: str
    name: str
    push: PushTarget | None


async def make_root(
    tx: Tx, evidence: Evidence, phone: NewPhone, secret: bytes, *, now: datetime
) -> Device:
    """Mint a root and a device token below it, seal the device's row, register its push.

    The caller holds the trader lock, has verified the phone's key, and logs.

    Raises
    ------
    ParentNotActive
        The trader has a living root.
    """
    trader_id, root_id = phone.trader_id, new_id()
    await tokens.mint(
        tx,
        NewNode(
            trader_id=trader_id,
            token_id=root_id,
            kind="trader",
            parent_id=None,
            label="trader",
            expires_at=now + ROOT_LIFE,
        ),
    )
    return await make_device(
        tx, evidence, phone, secret, root_id=root_id, device_id=new_id(), now=now
    )


async def make_device(
    tx: Tx,
    evidence: Evidence,
    phone: NewPhone,
    secret: bytes,
    *,
    root_id: UUID,
    device_id: UUID,
    now: datetime,
) -> Device:
    """Mint a device token below a root, seal the device's row, register its push.

    The caller holds the trader lock, has verified the phone's key, and logs.

    Raises
    ------
    ParentNotActive
        The root is contained.
    """
    trader_id = phone.trader_id
    bearer = token.mint(token.TokenKind.DEVICE, trader_id, device_id, secret)
    await tokens.mint(
        tx,
        NewNode(
            trader_id=trader_id,
            token_id=device_id,
            kind="device",
            parent_id=root_id,
            label=phone.name,
            expires_at=now + DEVICE_LIFE,
            scope=["control"],
            secret_hash=bearer.secret_hash(),
            jkt=phone.jkt,
        ),
    )
    device = Device(
        trader_id=trader_id,
        device_id=device_id,
        root_id=root_id,
        public_jwk=phone.public_jwk,
        name=phone.name,
        bound_at=now,
        version=1,
        mac=b"",
    )
    (mac,) = await evidence.seal([device.evidence()])
    device = msgspec.structs.replace(device, mac=mac)
    await devices.insert(tx, device)
    if phone.push is not None:
        registration = PushRegistration(
            provider=phone.push.provider,
            kind=phone.push.kind,
            registration=phone.push.registration,
        )
        await devices.register_push(tx, trader_id, device_id, registration)
    return device


def answer(identity: Identity, device: Device, secret: bytes) -> BoundDevice:
    """What a phone learns once: its token, and the keys to pin."""
    bearer = token.mint(token.TokenKind.DEVICE, device.trader_id, device.device_id, secret)
    return BoundDevice(
        trader_id=device.trader_id,
        device_id=device.device_id,
        root_token_id=device.root_id,
        device_token=bearer.reveal(),
        identity_jwk=identity.identity.public_jwk,
        identity_jkt=identity.identity.jkt,
        checkpoint_jkt=identity.checkpoint.jkt,
    )
