"""SQL of heartbeats: one per device, the newest."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.devices.models import Heartbeat

_COLUMNS = "trader_id, device_id, root_id, issued_at, seen_at, nonce, statement, version, mac"

# The WHERE clause restates the rule: of two that raced, one finds the other's row newer.
_KEEP = f"""
    INSERT INTO device_heartbeat AS h ({_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (trader_id, device_id) DO UPDATE
       SET issued_at = excluded.issued_at, seen_at = excluded.seen_at, nonce = excluded.nonce,
           statement = excluded.statement, version = excluded.version, mac = excluded.mac
     WHERE h.issued_at < excluded.issued_at AND h.version = excluded.version - 1
    RETURNING device_id
"""

# The path of a device is made of columns under its MAC. 4: a frozen device speaks for nobody.
_LIVING = """
      FROM device_heartbeat h
     WHERE h.trader_id = $1 AND h.root_id = $2
       AND EXISTS (SELECT FROM token t WHERE t.trader_id = $1 AND t.token_id = h.device_id
                                         AND t.expires_at > clock_timestamp())
       AND effective_level(h.trader_id, ARRAY[h.root_id, h.device_id]) < 4
     ORDER BY h.seen_at DESC LIMIT 1
"""
_NEWEST = f"SELECT {_COLUMNS} {_LIVING}"
_SEEN = f"SELECT h.seen_at {_LIVING}"


async def get(tx: Tx, trader_id: UUID, device_id: UUID) -> Heartbeat | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM device_heartbeat WHERE trader_id = $1 AND device_id = $2",
        trader_id,
        device_id,
    )
    return None if row is None else msgspec.convert(dict(row), Heartbeat)


async def keep(tx: Tx, heartbeat: Heartbeat) -> bool:
    """Put a newer heartbeat in the place of the device's last; False if it is not newer."""
    return await tx.fetchval(_KEEP, *msgspec.structs.astuple(heartbeat)) is not None


async def newest(tx: Tx, trader_id: UUID, root_id: UUID) -> Heartbeat | None:
    """The newest heartbeat of a living device under a root; believe it only with its MAC."""
    row = await tx.fetchrow(_NEWEST, trader_id, root_id)
    return None if row is None else msgspec.convert(dict(row), Heartbeat)


async def seen_at(tx: Tx, trader_id: UUID, root_id: UUID) -> datetime | None:
    """When a living device under a root was last seen: to show, not to decide by."""
    seen: datetime | None = await tx.fetchval(_SEEN, trader_id, root_id)
    return seen
