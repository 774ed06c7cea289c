"""SQL of the devices room."""

from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.devices.models import Device, PushRegistration

_COLUMNS = "trader_id, device_id, root_id, public_jwk, name, bound_at, version, mac"

_INSERT = f"INSERT INTO device ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"

_REGISTER = """
    INSERT INTO push_registration (trader_id, device_id, provider, kind, registration)
    VALUES ($1, $2, $3, $4, $5)
"""


async def insert(tx: Tx, device: Device) -> None:
    await tx.execute(_INSERT, *msgspec.structs.astuple(device))


async def get(tx: Tx, trader_id: UUID, device_id: UUID) -> Device | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM device WHERE trader_id = $1 AND device_id = $2",
        trader_id,
        device_id,
    )
    return None if row is None else msgspec.convert(dict(row), Device)


async def list_all(tx: Tx, trader_id: UUID) -> list[Device]:
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM device WHERE trader_id = $1 ORDER BY device_id", trader_id
    )
    return [msgspec.convert(dict(row), Device) for row in rows]


async def register_push(
    tx: Tx, trader_id: UUID, device_id: UUID, registration: PushRegistration
) -> None:
    await tx.execute(
        _REGISTER,
        trader_id,
        device_id,
        registration.provider,
        registration.kind,
        registration.registration,
    )
