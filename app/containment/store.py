"""SQL of containment, as the operator's role may run it."""

from uuid import UUID

import msgspec

from app.containment.errors import VenueNotFound
from app.containment.models import COUNT_CAP, Node, OperatorFence, VenueAct
from app.db.errors import Conflict
from app.db.pool import Row, Tx
from app.tokens.models import Level

_TRADER = """
    SELECT t.trader_id, t.root_id, p.name AS platform,
           effective_level(t.trader_id, ARRAY[t.root_id]) AS effective
      FROM trader t JOIN platform p USING (platform_id)
     WHERE t.trader_id = $1
"""

_NODES = """
    SELECT n.kind, count(*) AS count
      FROM (SELECT t.kind FROM token t
             WHERE t.trader_id = $1 AND t.parent_id IS NOT NULL
               AND t.expires_at > now() AND effective_level(t.trader_id, t.path) < 5
             LIMIT $2) AS n
     GROUP BY n.kind ORDER BY n.kind
"""

# An operator's own view of what operators did: across traders on purpose.
_FENCES = """
    SELECT trader_id, token_id, level, reason, imposed_at FROM fence
     WHERE imposed_by = 'operator' ORDER BY imposed_at DESC LIMIT $1
"""


async def find_trader(tx: Tx, trader_id: UUID) -> Row | None:
    """trader_id, root_id, platform's name and the root's effective level; None if unknown."""
    return await tx.fetchrow(_TRADER, trader_id)


async def count_nodes(tx: Tx, trader_id: UUID) -> list[Node]:
    rows = await tx.fetch(_NODES, trader_id, COUNT_CAP)
    return [msgspec.convert(dict(row), Node) for row in rows]


async def venue_level(tx: Tx, venue_id: str) -> Level:
    level = await tx.fetchval("SELECT level FROM venue WHERE venue_id = $1", venue_id)
    if level is None:
        raise VenueNotFound
    return Level(level)


async def venue_reach(tx: Tx, venue_id: str) -> Row:
    """Traders, credentials, grants and open orders, each counted up to the cap."""
    row = await tx.fetchrow("SELECT * FROM venue_reach($1, $2)", venue_id, COUNT_CAP)
    if row is None:
        raise VenueNotFound
    return row


async def drain_venue(tx: Tx, venue_id: str) -> None:
    """Return when nothing is being signed for the venue that began before this."""
    await tx.execute("SELECT drain_venue($1)", venue_id)


async def contain_venue(
    tx: Tx, venue_id: str, containment_id: UUID, level: Level, reason: str, actor: str
) -> Row:
    """Tighten a venue; `log_position` is NULL where it was as tight already.

    Raises
    ------
    VenueNotFound
        No such venue.
    """
    try:
        row = await tx.fetchrow(
            "SELECT * FROM contain_venue($1, $2, $3, $4, $5)",
            venue_id,
            containment_id,
            level,
            reason,
            actor,
        )
    except Conflict as error:
        if error.name == "TC002":
            raise VenueNotFound from error
        raise
    if row is None:
        raise VenueNotFound
    return row


async def tell_next(tx: Tx, venue_id: str, containment_id: UUID, limit: int) -> int:
    """Ring the next `limit` traders with a key at the venue; 0 once all were."""
    told: int = await tx.fetchval(
        "SELECT tell_of_containment($1, $2, $3)", venue_id, containment_id, limit
    )
    return told


async def untold(tx: Tx, venue_id: str) -> list[UUID]:
    """Acts on a venue whose traders have not all been rung, oldest first."""
    rows = await tx.fetch(
        "SELECT containment_id FROM venue_containment"
        " WHERE venue_id = $1 AND told_at IS NULL ORDER BY imposed_at",
        venue_id,
    )
    return [row["containment_id"] for row in rows]


async def venue_acts(tx: Tx, limit: int) -> list[VenueAct]:
    rows = await tx.fetch(
        "SELECT venue_id, containment_id, level, reason, actor, imposed_at, told_at"
        " FROM venue_containment ORDER BY imposed_at DESC LIMIT $1",
        limit,
    )
    return [msgspec.convert(dict(row), VenueAct) for row in rows]


async def venues(tx: Tx) -> list[tuple[str, Level]]:
    rows = await tx.fetch("SELECT venue_id, level FROM venue ORDER BY venue_id")
    return [(row["venue_id"], Level(row["level"])) for row in rows]


async def operator_fences(tx: Tx, limit: int) -> list[OperatorFence]:
    rows = await tx.fetch(_FENCES, limit)
    return [msgspec.convert(dict(row), OperatorFence) for row in rows]
