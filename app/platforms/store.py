"""SQL of the platforms room."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.core.token import Token
from app.db.pool import Row, Tx
from app.platforms.models import ClientToken, Platform

_LIST = """
    SELECT platform_id, name, jwks::text AS jwks, created_at, disabled_at, retired_key_ids,
           ciba_delivery, ciba_endpoint
      FROM platform ORDER BY platform_id
"""

_GET = """
    SELECT platform_id, name, jwks::text AS jwks, created_at, disabled_at, retired_key_ids,
           ciba_delivery, ciba_endpoint
      FROM platform WHERE platform_id = $1
"""

_FIND_ACCESS = """
    SELECT t.platform_id, t.token_id, t.expires_at, t.jkt
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
    return None if row is None else _platform(row)


def _platform(row: Row) -> Platform:
    return msgspec.convert({**row, "jwks": msgspec.json.decode(row["jwks"])}, Platform)


async def lock(tx: Tx, platform_id: UUID) -> None:
    """Make whoever issues an access token of this platform wait for the end of the transaction."""
    await tx.execute("SELECT 1 FROM platform WHERE platform_id = $1 FOR UPDATE", platform_id)


async def list_all(tx: Tx) -> list[Platform]:
    return [_platform(row) for row in await tx.fetch(_LIST)]


async def set_keys(
    tx: Tx, platform_id: UUID, keys: list[dict[str, Any]], retired_key_ids: list[str]
) -> None:
    await tx.execute(
        "UPDATE platform SET jwks = $2::text::jsonb, retired_key_ids = $3 WHERE platform_id = $1",
        platform_id,
        msgspec.json.encode({"keys": keys}).decode(),
        retired_key_ids,
    )


async def set_ciba(tx: Tx, platform_id: UUID, delivery: str | None, endpoint: str | None) -> None:
    await tx.execute(
        "UPDATE platform SET ciba_delivery = $2, ciba_endpoint = $3 WHERE platform_id = $1",
        platform_id,
        delivery,
        endpoint,
    )


async def disable(tx: Tx, platform_id: UUID) -> None:
    await tx.execute(
        "UPDATE platform SET disabled_at = clock_timestamp() WHERE platform_id = $1", platform_id
    )


async def end_tokens(tx: Tx, platform_id: UUID, key_id: str | None) -> None:
    """Forget the access tokens that came from a key, or all of them.

    Those made before keys were noted may be from any.
    """
    await tx.execute(
        "DELETE FROM client_token WHERE platform_id = $1"
        " AND ($2::text IS NULL OR key_id = $2 OR key_id IS NULL)",
        platform_id,
        key_id,
    )


async def add_token(
    tx: Tx,
    access: Token,
    expires_at: datetime,
    *,
    jwk: dict[str, Any],
    key_id: str,
    jkt: str | None,
) -> bool:
    """Keep an access token's hash, unless its platform or key was put out of use meanwhile."""
    return bool(
        await tx.fetchval(
            "SELECT issue_client_token($1, $2, $3, $4, $5::text::jsonb, $6, $7)",
            access.trader_id,
            access.token_id,
            access.secret_hash(),
            expires_at,
            msgspec.json.encode([jwk]).decode(),
            key_id,
            jkt,
        )
    )


async def end_token(tx: Tx, presented: Token) -> bool:
    """Forget a living access token; False where there is none with this secret."""
    ended = await tx.fetchval(
        "DELETE FROM client_token WHERE platform_id = $1 AND token_id = $2 AND secret_hash = $3"
        " AND expires_at > clock_timestamp() RETURNING token_id",
        presented.trader_id,
        presented.token_id,
        presented.secret_hash(),
    )
    return ended is not None


async def find_token(
    tx: Tx, platform_id: UUID, token_id: UUID, secret_hash: bytes, now: datetime
) -> ClientToken | None:
    row = await tx.fetchrow(_FIND_ACCESS, platform_id, token_id, secret_hash, now)
    return None if row is None else msgspec.convert(dict(row), ClientToken)
