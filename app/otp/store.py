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

WARN_AGAIN_SECONDS = 600
"""Devices are told of replayed codes at most this often per factor; the log tells of each."""

_COLUMNS = (
    "trader_id, factor_id, root_id, device_id, algorithm, digits, period_seconds, label,"
    " bound_at, version, mac, removed_at"
)

_OF_FACTOR = (
    "f.trader_id, f.factor_id, f.root_id, f.device_id, f.algorithm, f.digits, f.period_seconds,"
    " f.label, f.bound_at, f.removed_at, f.version, f.mac"
)

# Counts the attempt before the code is compared: N racing guesses cost N. From the fifth failure
# on each further attempt waits, twice as long each time, and is charged all the same. A code
# without a factor's name is of the only one, or, where the caller cannot know names, of the oldest.
#
# It commits without waiting for the disk. PostgreSQL's log is one stream: what the code brings
# about, and the entry that a refusal leaves before its answer does (P6), stand behind the charge
# in it and are waited for, so nobody learns anything of a guess whose charge a crash could lose.
_RESERVE_ATTEMPT = f"""
    UPDATE totp_state s SET
           consecutive_failures = s.consecutive_failures + 1,
           locked_until = CASE WHEN s.consecutive_failures + 1 >= $3
               THEN $2::timestamptz + make_interval(secs =>
                    least(3600, $4 * 2 ^ least(s.consecutive_failures + 1 - $3, 10)))
               ELSE NULL END
      FROM totp_factor f JOIN wrapped_seed w USING (trader_id, factor_id)
     WHERE s.trader_id = $1 AND f.trader_id = $1 AND f.factor_id = s.factor_id
       AND f.root_id = $5 AND f.removed_at IS NULL
       AND (s.locked_until IS NULL OR s.locked_until <= $2::timestamptz)
       AND s.factor_id = coalesce($6::uuid, (
           SELECT CASE WHEN $7::boolean OR count(*) = 1
                       THEN (array_agg(o.factor_id ORDER BY o.factor_id))[1] END
             FROM totp_factor o
            WHERE o.trader_id = $1 AND o.root_id = $5 AND o.removed_at IS NULL))
    RETURNING {_OF_FACTOR}, w.shard, w.blob,
              w.blob_mac, s.last_used_step, set_config('synchronous_commit', 'off', true)
"""

_HAS_SEVERAL = """
    SELECT count(*) > 1 FROM totp_factor
     WHERE trader_id = $1 AND root_id = $2 AND removed_at IS NULL
"""

_MAY_WARN = """
    UPDATE totp_state SET warned_at = $3
     WHERE trader_id = $1 AND factor_id = $2
       AND (warned_at IS NULL OR warned_at <= $3::timestamptz - make_interval(secs => $4))
    RETURNING factor_id
"""

_REMOVE = """
    UPDATE totp_factor SET removed_at = $3, version = $4, mac = $5
     WHERE trader_id = $1 AND factor_id = $2 AND version = $4 - 1 AND removed_at IS NULL
    RETURNING factor_id
"""

# The step comparison is repeated here because only the database can make
# "one code, one use" true for two requests in flight at once.
_SPEND_STEP = """
    UPDATE totp_state
       SET last_used_step = $3, consecutive_failures = 0, locked_until = NULL
     WHERE trader_id = $1 AND factor_id = $2 AND last_used_step < $3
       AND EXISTS (SELECT FROM totp_factor f
                    WHERE f.trader_id = $1 AND f.factor_id = $2 AND f.removed_at IS NULL)
    RETURNING factor_id
"""

_INSERT = f"INSERT INTO totp_factor ({_COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)"


async def reserve_attempt(
    tx: Tx,
    trader_id: UUID,
    root_id: UUID,
    now: datetime,
    *,
    factor_id: UUID | None = None,
    or_oldest: bool = False,
) -> Attempt | None:
    """Charge one attempt at a living factor of the root, in one statement.

    None when there is no such authenticator, it is locked, or several could be meant and neither
    `factor_id` nor `or_oldest` says which.
    """
    row = await tx.fetchrow(
        _RESERVE_ATTEMPT,
        trader_id,
        now,
        MAX_CONSECUTIVE_FAILURES,
        LOCK_SECONDS,
        root_id,
        factor_id,
        or_oldest,
    )
    if row is None:
        return None
    found = dict(row)
    return Attempt(
        factor=msgspec.convert(found, TotpFactor),
        seed=msgspec.convert(found, WrappedSeed),
        last_used_step=found["last_used_step"],
    )


async def has_several(tx: Tx, trader_id: UUID, root_id: UUID) -> bool:
    """Whether a code must say which authenticator it is of."""
    several: bool = await tx.fetchval(_HAS_SEVERAL, trader_id, root_id)
    return several


async def may_warn(tx: Tx, trader_id: UUID, factor_id: UUID, now: datetime) -> bool:
    """Claim the warning about a replayed code; False if devices were told a short while ago."""
    claimed = await tx.fetchval(_MAY_WARN, trader_id, factor_id, now, WARN_AGAIN_SECONDS)
    return claimed is not None


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


async def remove(tx: Tx, factor: TotpFactor) -> bool:
    """Write a factor's last version and destroy its seed; False when it changed meanwhile."""
    found = await tx.fetchval(
        _REMOVE,
        factor.trader_id,
        factor.factor_id,
        factor.removed_at,
        factor.version,
        factor.mac,
    )
    await tx.execute(
        "DELETE FROM wrapped_seed WHERE trader_id = $1 AND factor_id = $2",
        factor.trader_id,
        factor.factor_id,
    )
    return found is not None


async def list_living(tx: Tx, trader_id: UUID, root_id: UUID) -> list[TotpFactor]:
    """The root's factors that may still approve, oldest first."""
    return [
        factor
        for factor in await list_all(tx, trader_id)
        if factor.root_id == root_id and factor.removed_at is None
    ]


async def list_all(tx: Tx, trader_id: UUID) -> list[TotpFactor]:
    """Every factor there ever was, oldest first: a removed one says so."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM totp_factor WHERE trader_id = $1 ORDER BY factor_id", trader_id
    )
    return [msgspec.convert(dict(row), TotpFactor) for row in rows]
