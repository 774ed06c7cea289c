"""SQL of incidents and lost devices: written in the revoke's own commit, over its connections."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.revocation.models import Incident

_INCIDENT = (
    "incident_id, kind, subject_id, reported_by, since, reported_at, last_position, revocation_id"
)

# Said twice it is the same incident, whoever says it the second time.
_ADD = """
    INSERT INTO incident (trader_id, incident_id, kind, subject_id, reported_by, since,
                          last_position, revocation_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT ON CONSTRAINT a_subject_has_one_incident DO NOTHING
"""

_LOST = """
    INSERT INTO lost_device (trader_id, device_id, reported_by) VALUES ($1, $2, $3)
    ON CONFLICT (trader_id, device_id) DO NOTHING
"""


async def session_began_at(tx: Tx, trader_id: UUID, session_id: UUID) -> datetime | None:
    began: datetime | None = await tx.fetchval(
        "SELECT created_at FROM session WHERE trader_id = $1 AND session_id = $2",
        trader_id,
        session_id,
    )
    return began


async def device_bound_at(tx: Tx, trader_id: UUID, device_id: UUID) -> datetime | None:
    bound: datetime | None = await tx.fetchval(
        "SELECT bound_at FROM device WHERE trader_id = $1 AND device_id = $2", trader_id, device_id
    )
    return bound


async def add(
    tx: Tx,
    trader_id: UUID,
    incident_id: UUID,
    kind: str,
    subject_id: UUID,
    *,
    reported_by: UUID,
    since: datetime,
    last_position: int,
    revocation_id: UUID | None,
) -> Incident:
    """Open an incident; where this subject has one, that one stays as it is and is returned."""
    await tx.execute(
        _ADD,
        trader_id,
        incident_id,
        kind,
        subject_id,
        reported_by,
        since,
        last_position,
        revocation_id,
    )
    row = await tx.fetchrow(
        f"SELECT {_INCIDENT} FROM incident WHERE trader_id = $1 AND kind = $2 AND subject_id = $3",
        trader_id,
        kind,
        subject_id,
    )
    return msgspec.convert(dict(row or {}), Incident)


async def add_lost_device(tx: Tx, trader_id: UUID, device_id: UUID, reported_by: UUID) -> None:
    """Mark a device as reported lost; the first report stays."""
    await tx.execute(_LOST, trader_id, device_id, reported_by)


async def newest(tx: Tx, trader_id: UUID, before: UUID, limit: int) -> list[Incident]:
    rows = await tx.fetch(
        f"SELECT {_INCIDENT} FROM incident WHERE trader_id = $1 AND incident_id < $2"
        " ORDER BY incident_id DESC LIMIT $3",
        trader_id,
        before,
        limit,
    )
    return [msgspec.convert(dict(row), Incident) for row in rows]
