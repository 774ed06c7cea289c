"""SQL of the otp room."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.otp.models import Attempt, TotpFactor, WrappedSeed

MAX_CONSECUTIVE_FAILURES = 5
"""NIST SP 800-63B-4 section 3.2.2 caps this at 100; six digits ask for far less."""

LOCK_SECONDS = 30
"""Delay after the fifth failure; doubles with each further one, up to an hour."""

_COLUMNS = (
    "trader_id, factor_id, root_id, device_id, algorithm, digits, period_seconds, label,"
    " bound_at, version, mac"
)

# Counts the attempt before the code is compared: N racing guesses cost N. From the fifth failure
# on each further attempt waits, twice as long each time, and is charged all the same.
_RESERVE_ATTEMPT = """
    UPDATE totp_state SET
           consecutive_failures = consecutive_failures + 1,
           locked_until = CASE WHEN consecutive_failures + 1 >= $3
               THEN $2::timestamptz + make_interval(secs =>
                    least(3600, $4 * 2 ^ least(consecutive_failures + 1 - $3, 10)))
               ELSE NULL END
     WHERE trader_id = $1 AND (locked_until IS NULL OR locked_until <= $2::timestamptz)
       AND factor_id = (SELECT factor_id FROM totp_state WHERE trader_id = $1
                         ORDER BY factor_id DESC LIMIT 1)
    RETURNING factor_id, last_used_step
"""

_FACTOR = f"""
    SELECT {_COLUMNS} FROM totp_factor
     WHERE trader_id = $1 AND factor_id = $2
"""

_SEED = """
    SELECT shard, blob, blob_mac FROM wrapped_seed WHERE trader_id = $1 AND factor_id = $2
"""

# The step comparison is repeated here because only the database can make
# "one code, one use" true for two requests in flight at once.
_SPEND_STEP = """
    UPDATE totp_state
       SET last_used_step = $3, consecutive_failures = 0, locked_until = NULL
     WHERE trader_id = $1 AND factor_id = $2 AND last_used_step < $3
    RETURNING factor_id
"""

_INSERT = f"INSERT INTO totp_factor ({_COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)"


async def reserve_attempt(tx: Tx, trader_id: UUID, now: datetime) -> Attempt | None:
    """Charge one attempt; None when there is no authenticator or it is locked."""
    state = await tx.fetchrow(
        _RESERVE_ATTEMPT, trader_id, now, MAX_CONSECUTIVE_FAILURES, LOCK_SECONDS
    )
    if state is None:
        return None
    factor = await tx.fetchrow(_FACTOR, trader_id, state["factor_id"])
    seed = await tx.fetchrow(_SEED, trader_id, state["factor_id"])
    if factor is None or seed is None:
        return None
    return Attempt(
        factor=msgspec.convert(dict(factor), TotpFactor),
        seed=msgspec.convert(dict(seed), WrappedSeed),
        last_used_step=state["last_used_step"],
    )


async def spend_step(tx: Tx, trader_id: UUID, factor_id: UUID, step: int) -> bool:
    """Mark a step used and clear failures; False if another request won."""
    return await tx.fetchval(_SPEND_STEP, trader_id, factor_id, step) is not None


async def insert(tx: Tx, factor: TotpFactor, seed: WrappedSeed, used_step: int) -> None:
    """Store a confirmed factor; the step of its confirming code is spent with it."""
    await tx.execute(_INSERT, *msgspec.structs.astuple(factor))
    await tx.execute(
        "INSERT INTO wrapped_seed (trader_id, factor_id, shard, blob, blob_mac)"
        " VALUES ($1, $2, $3, $4, $5)",
        factor.trader_id,
        factor.factor_id,
        seed.shard,
        seed.blob,
        seed.blob_mac,
    )
    await tx.execute(
        "INSERT INTO totp_state (trader_id, factor_id, last_used_step) VALUES ($1, $2, $3)",
        factor.trader_id,
        factor.factor_id,
        used_step,
    )


async def carry_over(tx: Tx, factor: TotpFactor) -> bool:
    """Write a factor's next version, under another root; False when it changed meanwhile."""
    found = await tx.fetchval(
        "UPDATE totp_factor SET root_id = $3, version = $4, mac = $5"
        " WHERE trader_id = $1 AND factor_id = $2 AND version = $4 - 1 RETURNING factor_id",
        factor.trader_id,
        factor.factor_id,
        factor.root_id,
        factor.version,
        factor.mac,
    )
    return found is not None


async def list_all(tx: Tx, trader_id: UUID) -> list[TotpFactor]:
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM totp_factor WHERE trader_id = $1 ORDER BY factor_id", trader_id
    )
    return [msgspec.convert(dict(row), TotpFactor) for row in rows]
