"""SQL of what lies at or below a node: one range of paths, whatever the size of the tree."""

from collections.abc import Sequence
from uuid import UUID

from app.db.pool import Tx
from app.tokens.models import Level, Node
from app.tokens.store import NODE_COLUMNS, node_of

COUNT_CAP = 10_000
"""Nodes (or orders) that are counted at most: about 10 ms. More is told as "10000+"."""

_LAST = UUID(int=2**128 - 1)

# Arrays compare element by element: the paths that begin with one path follow it, up to the path
# that goes on with the last uuid there is.
_PAGE = f"""
    SELECT {NODE_COLUMNS}, effective_level(trader_id, path) AS level FROM token
     WHERE trader_id = $1 AND path >= $2::uuid[] AND path < $3::uuid[] AND path > $4::uuid[]
     ORDER BY trader_id, path LIMIT $5
"""

_COUNTS = """
    SELECT kind, count(*) AS found FROM (
        SELECT kind FROM token
         WHERE trader_id = $1 AND path >= $2::uuid[] AND path < $3::uuid[]
         ORDER BY trader_id, path LIMIT $4) counted
     GROUP BY kind ORDER BY kind
"""


async def page(
    tx: Tx, trader_id: UUID, top: Sequence[UUID], *, after: Sequence[UUID] | None, limit: int
) -> list[tuple[Node, Level]]:
    """Nodes at or below the node with path `top`, parents before children, with their rung.

    `after` is the path of the last node of the page before.
    """
    rows = await tx.fetch(
        _PAGE, trader_id, list(top), [*top, _LAST], list(after or top[:-1]), limit
    )
    return [(node_of(row), Level(row["level"])) for row in rows]


async def counts(tx: Tx, trader_id: UUID, top: Sequence[UUID]) -> dict[str, int]:
    """Nodes at or below, by kind; their sum is above `COUNT_CAP` where counting stopped."""
    rows = await tx.fetch(_COUNTS, trader_id, list(top), [*top, _LAST], COUNT_CAP + 1)
    return {row["kind"]: row["found"] for row in rows}


def total_text(found: int) -> str:
    return str(found) if found <= COUNT_CAP else f"{COUNT_CAP}+"
