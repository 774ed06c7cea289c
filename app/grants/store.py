"""SQL of the grants room."""

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
