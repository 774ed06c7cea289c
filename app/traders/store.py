"""SQL of the traders room."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.traders.models import EnrolmentCode, Trader

_TRADER = "SELECT trader_id, platform_id, root_id, frozen_empty, created_at FROM trader"

_CODE = """
    SELECT trader_id, code_id, code_hash, expires_at, redeemed_by_jkt FROM enrolment_code
     WHERE trader_id = $1 AND code_id = $2 AND code_hash = $3
"""

# One conditional write: the first key takes the code, the same key may come again.
_REDEEM = """
    UPDATE enrolment_code SET redeemed_by_jkt = $4
     WHERE trader_id = $1 AND code_id = $2 AND expires_at > $3
       AND (redeemed_by_jkt IS NULL OR redeemed_by_jkt = $4)
    RETURNING code_id
"""


async def create(tx: Tx, trader_id: UUID, platform_id: UUID) -> None:
    await tx.execute(
        "INSERT INTO trader (trader_id, platform_id) VALUES ($1, $2)", trader_id, platform_id
    )


async def get(tx: Tx, trader_id: UUID) -> Trader | None:
    row = await tx.fetchrow(f"{_TRADER} WHERE trader_id = $1", trader_id)
    return None if row is None else msgspec.convert(dict(row), Trader)


async def get_for_platform(tx: Tx, trader_id: UUID, platform_id: UUID) -> Trader | None:
    """None for another platform's trader as for an unknown one."""
    row = await tx.fetchrow(
        f"{_TRADER} WHERE trader_id = $1 AND platform_id = $2", trader_id, platform_id
    )
    return None if row is None else msgspec.convert(dict(row), Trader)


async def add_enrolment_code(
    tx: Tx, trader_id: UUID, code_id: UUID, code_hash: bytes, expires_at: datetime
) -> None:
    await tx.execute(
        "INSERT INTO enrolment_code (trader_id, code_id, code_hash, expires_at)"
        " VALUES ($1, $2, $3, $4)",
        trader_id,
        code_id,
        code_hash,
        expires_at,
    )


async def find_code(
    tx: Tx, trader_id: UUID, code_id: UUID, code_hash: bytes
) -> EnrolmentCode | None:
    row = await tx.fetchrow(_CODE, trader_id, code_id, code_hash)
    return None if row is None else msgspec.convert(dict(row), EnrolmentCode)


async def redeem_code(tx: Tx, trader_id: UUID, code_id: UUID, now: datetime, jkt: str) -> bool:
    """Bind the code to one key; False when it expired or another key has it."""
    return await tx.fetchval(_REDEEM, trader_id, code_id, now, jkt) is not None


async def freeze_empty(tx: Tx, trader_id: UUID) -> None:
    """Two keys answered one code: somebody else saw it. Nothing is enrolled here any more."""
    await tx.execute("UPDATE trader SET frozen_empty = true WHERE trader_id = $1", trader_id)
