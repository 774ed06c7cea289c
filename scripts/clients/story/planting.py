"""Ten thousand bots beneath a bot, for the story's receipt.

The one place where the story goes beneath the API, because there a person has to approve each
grant. The rows are those of dead sub-grants: nobody holds a token of theirs.
"""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import asyncpg

_PLANT = """
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, scope, label, expires_at)
    SELECT p.trader_id, c.id, 'grant', p.token_id, p.path || c.id, p.scope, 'Planted bot',
           p.expires_at
      FROM token p
     CROSS JOIN (SELECT gen_random_uuid() AS id FROM generate_series(1, $3::integer)) AS c
     WHERE p.trader_id = $1 AND p.token_id = $2
"""


def plant(data: Path, *, trader_id: UUID, grant_id: UUID, count: int) -> None:
    """Hang `count` dead sub-grants below a grant, as the embedded cluster's owner."""
    asyncio.run(_plant(data, trader_id, grant_id, count))


async def _plant(data: Path, trader_id: UUID, grant_id: UUID, count: int) -> None:
    where = json.loads((data / "addresses.json").read_bytes())
    password = (data / "postgres" / "superuser_password").read_text()
    dsn = where["database_dsn"].replace("@/postgres?", "@/tripcord?")
    connection = await asyncpg.connect(dsn, password=password)
    try:
        await connection.execute(_PLANT, trader_id, grant_id, count)
    finally:
        await connection.close()
