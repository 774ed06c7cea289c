"""SQL of the grants room."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.grants.models import Grant

_COLUMNS = (
    "trader_id, grant_id, root_id, path, credential_id, approval_id, model_jwk, limits,"
    " expires_at, granted_at, version, mac"
)


async def insert(tx: Tx, grant: Grant) -> None:
    await tx.execute(
        f"INSERT INTO bot_grant ({_COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
        *msgspec.structs.astuple(grant),
    )


async def get(tx: Tx, trader_id: UUID, grant_id: UUID) -> Grant | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM bot_grant WHERE trader_id = $1 AND grant_id = $2",
        trader_id,
        grant_id,
    )
    return None if row is None else msgspec.convert(dict(row), Grant)


async def on_path(tx: Tx, trader_id: UUID, path: Sequence[UUID]) -> list[Grant]:
    """The sealed grants among the nodes of a path, the uppermost first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM bot_grant WHERE trader_id = $1 AND grant_id = ANY ($2)"
        " ORDER BY cardinality(path)",
        trader_id,
        list(path),
    )
    return [msgspec.convert(dict(row), Grant) for row in rows]


async def replace(tx: Tx, grant: Grant) -> bool:
    """Put the next version in the place of the one before; False where that was not there."""
    found = await tx.fetchval(
        "UPDATE bot_grant SET limits = $3, expires_at = $4, version = $5, mac = $6"
        " WHERE trader_id = $1 AND grant_id = $2 AND version = $5 - 1 RETURNING version",
        grant.trader_id,
        grant.grant_id,
        grant.limits,
        grant.expires_at,
        grant.version,
        grant.mac,
    )
    return found is not None
