"""SQL of single nodes and of the tree: reading, narrowing, rotating."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app.db.errors import Conflict
from app.db.pool import Tx
from app.tokens.errors import ParentNotActive, TokenNotFound, VersionStale
from app.tokens.models import Fence, Level, Node
from app.tokens.store import NODE_COLUMNS, node_of

OVERLAP = timedelta(minutes=10)
"""How long the old secret is good beside the new ones, if none of them is used before."""

_PAGE = f"""
    SELECT {NODE_COLUMNS}, effective_level(trader_id, path) AS level
      FROM token
     WHERE trader_id = $1 AND token_id > $2
       AND ($4::uuid IS NULL OR $4 = ANY (path))
       AND kind = ANY ($5)
     ORDER BY token_id LIMIT $3
"""

_MANY = f"SELECT {NODE_COLUMNS} FROM token WHERE trader_id = $1 AND token_id = ANY ($2)"

_LISTS = """
    SELECT networks::text[] AS networks FROM token
     WHERE trader_id = $1 AND token_id = ANY ($2) ORDER BY cardinality(path)
"""

_FENCES = """
    SELECT imposed_by, level, reason, imposed_at FROM fence
     WHERE trader_id = $1 AND token_id = $2 ORDER BY imposed_by
"""

_LIVE = """
    SELECT t.token_id FROM token t
     WHERE t.trader_id = $1 AND t.token_id = $2 AND t.kind = $3
       AND secret_is_current(t.trader_id, t.token_id, t.secret_hash, $4)
       AND t.expires_at > clock_timestamp() AND effective_level(t.trader_id, t.path) < 5
"""


async def tree_page(
    tx: Tx,
    trader_id: UUID,
    *,
    after: UUID,
    limit: int,
    under: UUID | None,
    kinds: Sequence[str],
) -> list[tuple[Node, Level]]:
    """Nodes at or below `under` (None: the whole tree) in order of id, with their rung."""
    rows = await tx.fetch(_PAGE, trader_id, after, limit, under, list(kinds))
    return [(node_of(row), Level(row["level"])) for row in rows]


async def many(tx: Tx, trader_id: UUID, token_ids: Collection[UUID]) -> dict[UUID, Node]:
    """Those of some nodes that are this trader's, by id."""
    rows = await tx.fetch(_MANY, trader_id, list(token_ids))
    return {row["token_id"]: node_of(row) for row in rows}


async def lists_on(tx: Tx, trader_id: UUID, path: Sequence[UUID]) -> list[list[str]]:
    """The address list of each node of a path, the root's first; empty ones are no limit."""
    rows = await tx.fetch(_LISTS, trader_id, list(path))
    return [list(row["networks"]) for row in rows]


async def earliest_end(tx: Tx, trader_id: UUID, path: Sequence[UUID]) -> datetime | None:
    """When the first node of a path expires; None where there is no such path."""
    ends_at: datetime | None = await tx.fetchval(
        "SELECT min(expires_at) FROM token WHERE trader_id = $1 AND token_id = ANY ($2)",
        trader_id,
        list(path),
    )
    return ends_at


async def fences_on(tx: Tx, trader_id: UUID, token_id: UUID) -> list[Fence]:
    rows = await tx.fetch(_FENCES, trader_id, token_id)
    return [msgspec.convert(dict(row), Fence) for row in rows]


async def is_live(tx: Tx, trader_id: UUID, token_id: UUID, kind: str, secret_hash: bytes) -> bool:
    """Whether this secret is a token's that is neither expired nor revoked."""
    return await tx.fetchval(_LIVE, trader_id, token_id, kind, secret_hash) is not None


async def narrow(
    tx: Tx,
    node: Node,
    *,
    scope: Sequence[str],
    networks: Sequence[str],
    expires_at: datetime,
) -> int:
    """Write less for a node; returns its new version. The database refuses anything wider.

    Raises
    ------
    VersionStale
        The node changed, or would be wider.
    """
    try:
        version: int = await tx.fetchval(
            "SELECT narrow_token($1, $2, $3, $4, $5, $6)",
            node.trader_id,
            node.token_id,
            node.version,
            list(scope),
            list(networks),
            expires_at,
        )
    except Conflict as error:
        if error.name == "TC005":
            raise VersionStale from error
        raise
    return version


async def change_networks(tx: Tx, node: Node, networks: Sequence[str]) -> int:
    """Write another address list, within those above; returns the new version.

    Raises
    ------
    VersionStale
        The node changed, or the list is wider than one above.
    """
    try:
        version: int = await tx.fetchval(
            "SELECT change_networks($1, $2, $3, $4)",
            node.trader_id,
            node.token_id,
            node.version,
            list(networks),
        )
    except Conflict as error:
        if error.name == "TC005":
            raise VersionStale from error
        raise
    return version


async def rotate(tx: Tx, trader_id: UUID, token_id: UUID, secret_hash: bytes) -> datetime:
    """Store one more secret of a token; returns when the old one dies at the latest.

    The caller holds the trader lock.

    Raises
    ------
    TokenNotFound
        No such node, or it has no bearer form.
    ParentNotActive
        Contained or expired.
    """
    try:
        old_dies_at: datetime = await tx.fetchval(
            "SELECT rotate_secret($1, $2, $3, $4)", trader_id, token_id, secret_hash, OVERLAP
        )
    except Conflict as error:
        if error.name == "TC001":
            raise ParentNotActive from error
        if error.name == "TC002":
            raise TokenNotFound from error
        raise
    return old_dies_at
