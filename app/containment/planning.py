"""What an act would meet. Reads only."""

from uuid import UUID

from app.containment import store
from app.containment.models import TraderPlan, VenuePlan
from app.db.pool import Database
from app.tokens import store as tokens
from app.tokens.models import Level
from app.traders.errors import TraderNotFound


async def plan_trader(
    db: Database, trader_id: UUID, level: Level, *, reason: str, actor: str
) -> TraderPlan:
    """What a rung on a trader's root would contain.

    Raises
    ------
    TraderNotFound
        No such trader, or none with a root yet.
    """
    async with db.session() as tx:
        found = await store.find_trader(tx, trader_id)
        if found is None or found["root_id"] is None:
            raise TraderNotFound
        return TraderPlan(
            trader_id=trader_id,
            root_id=found["root_id"],
            platform=found["platform"],
            level=level,
            reason=reason,
            actor=actor,
            effective=Level(found["effective"]),
            ours=await tokens.operators_level(tx, trader_id, found["root_id"]),
            nodes=await store.count_nodes(tx, trader_id),
        )


async def plan_venue(
    db: Database, venue_id: str, level: Level, *, reason: str, actor: str
) -> VenuePlan:
    """What a rung on a venue would contain, for all its traders.

    Raises
    ------
    VenueNotFound
        No such venue.
    """
    async with db.session() as tx:
        now = await store.venue_level(tx, venue_id)
        reach = await store.venue_reach(tx, venue_id)
    return VenuePlan(
        venue_id=venue_id,
        level=level,
        reason=reason,
        actor=actor,
        now=now,
        traders=reach["traders"],
        credentials=reach["credentials"],
        grants=reach["grants"],
        open_orders=reach["open_orders"],
    )
