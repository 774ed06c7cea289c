"""SQL of fences: who holds a node, and the one way up. `tighten` is in `store`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.core.origin import Origin
from app.db.errors import Conflict
from app.db.pool import Tx
from app.tokens.errors import FenceNotAsShown, RevokedIsFinal
from app.tokens.models import Level

Imposer = Literal["trader", "operator", "monitor"]

_ON_PATH = """
    SELECT token_id, imposed_by, level, reason, imposed_at, log_position FROM fence
     WHERE trader_id = $1 AND token_id = ANY ($2)
     ORDER BY level DESC, imposed_at
"""

_OWN = """
    SELECT coalesce(max(level), 0) FROM fence
     WHERE trader_id = $1 AND token_id = $2 AND imposed_by = 'trader'
"""

_HEAD = """
    SELECT coalesce(max(position), 0) FROM access_log_head
     WHERE trader_id = $1 AND chain = '00000000-0000-0000-0000-000000000000'
"""

_LIFT = "SELECT effective FROM lift($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)"


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """One imposer's hold on one node; `log_position` is its entry in the trader's locked chain."""

    token_id: UUID
    imposed_by: Imposer
    level: Level
    reason: str
    imposed_at: datetime
    log_position: int


async def on_path(tx: Tx, trader_id: UUID, path: Sequence[UUID]) -> list[Fence]:
    """Every fence that holds a node, its own and its ancestors', the worst first."""
    rows = await tx.fetch(_ON_PATH, trader_id, list(path))
    return [msgspec.convert(dict(row), Fence) for row in rows]


async def own_level(tx: Tx, trader_id: UUID, token_id: UUID) -> Level:
    """What the trader imposed on this very node."""
    return Level(await tx.fetchval(_OWN, trader_id, token_id))


async def log_head(tx: Tx, trader_id: UUID) -> int:
    """Position of the newest entry of the locked chain. The caller holds the trader lock."""
    return int(await tx.fetchval(_HEAD, trader_id))


async def freeze_asker(
    tx: Tx, *, trader_id: UUID, token_id: UUID, approval_id: UUID, origin: Origin
) -> int:
    """Freeze a node whose request was called a fraud; returns the fence's log position.

    Signer only. It is `tighten` by the trader, on this one rung and for this one reason.
    """
    position: int = await tx.fetchval(
        "SELECT freeze_asker($1, $2, $3, $4, $5, $6, $7)",
        trader_id,
        token_id,
        approval_id,
        origin.actor,
        origin.device_id,
        origin.address,
        origin.user_agent,
    )
    return position


async def lift(
    tx: Tx,
    *,
    trader_id: UUID,
    token_id: UUID,
    expected_level: Level,
    level: Level,
    asked_at_position: int,
    approval_id: UUID,
    request_digest: bytes,
    origin: Origin,
) -> Level:
    """Take the trader's own fence from `expected_level` up to `level`; returns what is effective.

    Signer only. The log entry is written by the same function.

    Raises
    ------
    FenceNotAsShown
        The fence is at another level, or the node was tightened after `asked_at_position`.
    RevokedIsFinal
        Something on the path is revoked.
    """
    try:
        left = await tx.fetchval(
            _LIFT,
            trader_id,
            token_id,
            expected_level,
            level,
            asked_at_position,
            approval_id,
            request_digest,
            origin.actor,
            origin.device_id,
            origin.address,
            origin.user_agent,
        )
    except Conflict as error:
        match error.name:
            case "TC003":
                raise RevokedIsFinal from error
            case "TC006":
                raise FenceNotAsShown from error
            case _:
                raise
    return Level(left)
