"""SQL of the credentials room."""

from uuid import UUID

import msgspec

from app.credentials.models import Credential, WrappedSecret
from app.db.pool import Tx

_COLUMNS = (
    "trader_id, credential_id, root_id, path, device_id, venue_id, api_key_id, algorithm, label,"
    " envelope_sha256, state, refused_reason, permissions, attested_at, approval_id, linked_at,"
    " version, mac"
)

_INSERT = f"""
    INSERT INTO exchange_credential ({_COLUMNS})
    VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)
"""

_UPDATE = """
    UPDATE exchange_credential
       SET state = $3, refused_reason = $4, permissions = $5, attested_at = $6, approval_id = $7,
           version = $8, mac = $9
     WHERE trader_id = $1 AND credential_id = $2 AND version = $8 - 1
    RETURNING credential_id
"""


async def insert(tx: Tx, credential: Credential, secret: WrappedSecret) -> None:
    await tx.execute(_INSERT, *msgspec.structs.astuple(credential))
    await tx.execute(
        "INSERT INTO wrapped_secret (trader_id, credential_id, shard, blob, blob_mac)"
        " VALUES ($1, $2, $3, $4, $5)",
        credential.trader_id,
        credential.credential_id,
        secret.shard,
        secret.blob,
        secret.blob_mac,
    )


async def get(tx: Tx, trader_id: UUID, credential_id: UUID) -> Credential | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM exchange_credential WHERE trader_id = $1 AND credential_id = $2",
        trader_id,
        credential_id,
    )
    return None if row is None else msgspec.convert(dict(row), Credential)


async def list_all(tx: Tx, trader_id: UUID) -> list[Credential]:
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM exchange_credential WHERE trader_id = $1 ORDER BY credential_id",
        trader_id,
    )
    return [msgspec.convert(dict(row), Credential) for row in rows]


async def get_secret(tx: Tx, trader_id: UUID, credential_id: UUID) -> WrappedSecret | None:
    """Signer only: no other role may read this table."""
    row = await tx.fetchrow(
        "SELECT shard, blob, blob_mac FROM wrapped_secret"
        " WHERE trader_id = $1 AND credential_id = $2",
        trader_id,
        credential_id,
    )
    return None if row is None else msgspec.convert(dict(row), WrappedSecret)


async def update(tx: Tx, credential: Credential) -> bool:
    """Replace the mutable columns by the next version; False if another writer was first."""
    c = credential
    return (
        await tx.fetchval(
            _UPDATE,
            c.trader_id,
            c.credential_id,
            c.state,
            c.refused_reason,
            c.permissions,
            c.attested_at,
            c.approval_id,
            c.version,
            c.mac,
        )
        is not None
    )
