"""SQL of the platforms room."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.platforms.models import ClientToken, Platform

_GET = """
    SELECT platform_id, name, jwks::text AS jwks, created_at, disabled_at FROM platform
     WHERE platform_id = $1
"""

_FIND_ACCESS = """
    SELECT t.platform_id, t.token_id, t.expires_at
      FROM client_token t JOIN platform p USING (platform_id)
     WHERE t.platform_id = $1 AND t.token_id = $2 AND t.secret_hash = $3 AND t.expires_at > $4
       AND p.disabled_at IS NULL
"""


async def insert(tx: Tx, platform_id: UUID, name: str, jwks: dict[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO platform (platform_id, name, jwks) VALUES ($1, $2, $3::text::jsonb)",
        platform_id,
        name,
        msgspec.json.encode(jwks).decode(),
    )


async def get(tx: Tx, platform_id: UUID) -> Platform | None:
    row = await tx.fetchrow(_GET, platform_id)
    if row is None:
        return None
    return msgspec.convert({**row, "jwks": msgspec.json.decode(row["jwks"])}, Platform)


async def add_token(
    tx: Tx, platform_id: UUID, token_id: UUID, secret_hash: bytes, expires_at: datetime
) -> None:
    await tx.execute(
        "INSERT INTO client_token (platform_id, token_id, secret_hash, expires_at)"
        " VALUES ($1, $2, $3, $4)",
        platform_id,
        token_id,
        secret_hash,
        expires_at,
    )


async def find_token(
    tx: Tx, platform_id: UUID, token_id: UUID, secret_hash: bytes, now: datetime
) -> ClientToken | None:
    row = await tx.fetchrow(_FIND_ACCESS, platform_id, token_id, secret_hash, now)
    return None if row is None else msgspec.convert(dict(row), ClientToken)


async def end_token(tx: Tx, platform_id: UUID, token_id: UUID, secret_hash: bytes) -> bool:
    """Forget a living access token; False where there is none with this secret."""
    found = await tx.fetchval(
        "DELETE FROM client_token WHERE platform_id = $1 AND token_id = $2 AND secret_hash = $3"
        " AND expires_at > clock_timestamp() RETURNING token_id",
        platform_id,
        token_id,
        secret_hash,
    )
    return found is not None
