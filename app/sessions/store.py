"""SQL of the sessions room."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.sessions.models import Session

_COLUMNS = (
    "trader_id, session_id, jkt, address, user_agent, approval_id, code_verified_at,"
    " code_factor_id, code_mac, state, created_at, expires_at"
)

_INSERT = """
    INSERT INTO session (trader_id, session_id, jkt, address, user_agent, approval_id, created_at,
                         expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

_SET_CODE = """
    UPDATE session SET code_verified_at = $3, code_factor_id = $4, code_mac = $5
     WHERE trader_id = $1 AND session_id = $2 AND state = 'pending' AND code_verified_at IS NULL
    RETURNING session_id
"""

_SET_STATE = """
    UPDATE session SET state = $3
     WHERE trader_id = $1 AND session_id = $2 AND state = 'pending'
    RETURNING session_id
"""


async def insert(tx: Tx, session: Session) -> None:
    s = session
    await tx.execute(
        _INSERT,
        s.trader_id,
        s.session_id,
        s.jkt,
        s.address,
        s.user_agent,
        s.approval_id,
        s.created_at,
        s.expires_at,
    )


async def get(tx: Tx, trader_id: UUID, session_id: UUID) -> Session | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM session WHERE trader_id = $1 AND session_id = $2",
        trader_id,
        session_id,
    )
    return None if row is None else msgspec.convert(dict(row), Session)


async def list_recent(tx: Tx, trader_id: UUID, *, limit: int) -> list[Session]:
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM session WHERE trader_id = $1 ORDER BY session_id DESC LIMIT $2",
        trader_id,
        limit,
    )
    return [msgspec.convert(dict(row), Session) for row in rows]


async def set_code(
    tx: Tx, session: Session, *, verified_at: datetime, factor_id: UUID, mac: bytes
) -> bool:
    """Record the verified code once; False if it was recorded or the attempt is over."""
    return (
        await tx.fetchval(
            _SET_CODE, session.trader_id, session.session_id, verified_at, factor_id, mac
        )
        is not None
    )


async def set_state(tx: Tx, trader_id: UUID, session_id: UUID, state: str) -> bool:
    """End the attempt once, as `active` or `denied`; False if it has ended."""
    return await tx.fetchval(_SET_STATE, trader_id, session_id, state) is not None
