"""SQL of user codes. The hash is slow and salted; what is stored is no code."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.db.pool import Tx

MOST_FAILURES = 5
LOCKED = timedelta(minutes=15)
"""DESIGN section 10, as for sign-ins. Only the trader's own platform can ask, and so lock."""

_SET = """
    INSERT INTO user_code (trader_id, salt, code_hash) VALUES ($1, $2, $3)
    ON CONFLICT (trader_id) DO UPDATE
       SET salt = excluded.salt, code_hash = excluded.code_hash, failures = 0, locked_until = NULL
"""

# Charged before it is looked at, so that guesses at once are counted one by one.
_CHARGE = """
    UPDATE user_code
       SET failures = CASE WHEN failures + 1 >= $3 THEN 0 ELSE failures + 1 END,
           locked_until = CASE WHEN failures + 1 >= $3 THEN $2::timestamptz + $4 END
     WHERE trader_id = $1 AND (locked_until IS NULL OR locked_until <= $2)
    RETURNING salt, code_hash
"""
_FORGIVE = "UPDATE user_code SET failures = 0, locked_until = NULL WHERE trader_id = $1"


class Stored(NamedTuple):
    salt: bytes
    code_hash: bytes


async def put(tx: Tx, trader_id: UUID, salt: bytes, code_hash: bytes) -> None:
    """Set or replace a trader's code, with a clean sheet."""
    await tx.execute(_SET, trader_id, salt, code_hash)


async def exists(tx: Tx, trader_id: UUID) -> bool:
    found = "SELECT EXISTS (SELECT FROM user_code WHERE trader_id = $1)"
    return bool(await tx.fetchval(found, trader_id))


async def charge(tx: Tx, trader_id: UUID, now: datetime) -> Stored | None:
    """Count one try and give what to compare it with; None where there are no more for now."""
    row = await tx.fetchrow(_CHARGE, trader_id, now, MOST_FAILURES, LOCKED)
    return None if row is None else Stored(bytes(row["salt"]), bytes(row["code_hash"]))


async def forgive(tx: Tx, trader_id: UUID) -> None:
    """The try was right."""
    await tx.execute(_FORGIVE, trader_id)
