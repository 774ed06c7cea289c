"""SQL of policies: what stands for a trader, and what a rule needs to know of the past."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Row, Tx
from app.guardrails.strength import Strength
from app.policies.models import PolicyRow, Standing

_COLUMNS = (
    "trader_id, root_id, version, change, policy, device_id, statement, approval_id, sealed_at,"
    " effective_at, mac"
)

# The root is the caller's, believed; or, for who only asks, the trader's own of this moment.
_STANDING = """
    SELECT f.strength AS floor, p.* FROM (SELECT $1::uuid AS id) AS t
      LEFT JOIN policy_floor f ON f.action_type = $3
      LEFT JOIN LATERAL (
           SELECT w.* FROM trader_policy w
            WHERE w.trader_id = $1 AND w.effective_at <= $4
              AND w.root_id = coalesce($2, (SELECT r.root_id FROM trader r WHERE r.trader_id = $1))
            ORDER BY w.version DESC LIMIT 1) p ON true
"""

# The newest in force, and whatever was written after it.
_SINCE = f"""
    SELECT {_COLUMNS} FROM trader_policy
     WHERE trader_id = $1 AND root_id = $2 AND version >= coalesce(
           (SELECT max(w.version) FROM trader_policy w
             WHERE w.trader_id = $1 AND w.root_id = $2 AND w.effective_at <= $3), 0)
     ORDER BY version
"""

_INSERT = f"""
    INSERT INTO trader_policy ({_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

_TRADED = """
    SELECT count(*) FROM unnest($3::text[]) AS wanted (market)
     WHERE EXISTS (SELECT FROM bot_order o
                    WHERE o.trader_id = $1 AND o.venue_id = $2 AND o.market = wanted.market
                      AND o.filled_quantity > 0 AND o.created_at < $4)
"""

# In the 90 days before, and not first by what is decided about right now.
_KNOWN = """
    SELECT EXISTS (SELECT FROM known_address
                    WHERE trader_id = $1 AND address = $2 AND first_seen_at < $3
                      AND last_seen_at > $3 - interval '90 days')
"""

_FLOORS = "SELECT action_type, strength FROM policy_floor ORDER BY action_type"

_RAISE = "SELECT raise_floor($1, $2, $3, $4)"


async def standing(
    tx: Tx, trader_id: UUID, root_id: UUID | None, action_type: str, now: datetime
) -> Standing:
    """The policy row in force under a root, unverified, and the floor of one type of action.

    Without `root_id`, of the trader's present root.
    """
    row = await tx.fetchrow(_STANDING, trader_id, root_id, action_type, now)
    if row is None:
        return Standing(row=None, floor=None)
    return Standing(
        row=None if row["version"] is None else read_row(row),
        floor=None if row["floor"] is None else Strength(row["floor"]),
    )


async def since(tx: Tx, trader_id: UUID, root_id: UUID, now: datetime) -> list[PolicyRow]:
    """The row in force, if there is one, and after it those that wait; by version."""
    rows = await tx.fetch(_SINCE, trader_id, root_id, now)
    return [read_row(row) for row in rows]


async def insert(tx: Tx, row: PolicyRow) -> None:
    """Store a new version. The caller holds the trader lock."""
    await tx.execute(_INSERT, *msgspec.structs.astuple(row))


async def is_new_market(
    tx: Tx, trader_id: UUID, venue_id: str, markets: Sequence[str], before: datetime
) -> bool:
    """Whether in one of the markets no order of the trader's, made before then, was ever filled."""
    wanted = sorted(set(markets))
    traded: int = await tx.fetchval(_TRADED, trader_id, venue_id, wanted, before)
    return traded < len(wanted)


async def is_new_address(tx: Tx, trader_id: UUID, address: str | None, at: datetime) -> bool:
    """Whether nothing asked from there was approved in the 90 days before `at`. None is unknown."""
    if address is None:
        return True
    return not await tx.fetchval(_KNOWN, trader_id, address, at)


async def floors(tx: Tx) -> dict[str, Strength]:
    """The operator's floors, by type of action."""
    return {row["action_type"]: Strength(row["strength"]) for row in await tx.fetch(_FLOORS)}


async def raise_floor(
    tx: Tx, action_type: str, strength: Strength, *, reason: str, actor: str
) -> bool:
    """Raise a floor and log it; False where it is as high already."""
    raised: bool = await tx.fetchval(_RAISE, action_type, strength.value, reason, actor)
    return raised


def read_row(row: Row) -> PolicyRow:
    """A policy row from its composite, or from a query that has its columns among others."""
    return msgspec.convert({name: row[name] for name in PolicyRow.__struct_fields__}, PolicyRow)
