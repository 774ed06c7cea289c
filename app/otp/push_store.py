"""SQL of codes that phones are told."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.otp.push import MAX_ATTEMPTS, PushOtp

_COLUMNS = (
    "trader_id, approval_id, root_id, device_id, statement, tag, made_at, expires_at, attempts"
)

# A new code takes the place of the old one, whose attempts it inherits: asking again buys none.
_KEEP = """
    INSERT INTO push_otp (trader_id, approval_id, root_id, device_id, statement, tag, made_at,
                          expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (trader_id, approval_id) DO UPDATE
       SET root_id = excluded.root_id, device_id = excluded.device_id,
           statement = excluded.statement, tag = excluded.tag, made_at = excluded.made_at,
           expires_at = excluded.expires_at
     WHERE push_otp.used_at IS NULL AND push_otp.attempts < $9
    RETURNING approval_id
"""

# Counts the attempt before the code is compared: N racing guesses cost N. It does not wait for the
# disk, for the same reason as an attempt at a TOTP code (`store.reserve_attempt`).
_RESERVE_ATTEMPT = f"""
    UPDATE push_otp SET attempts = attempts + 1
     WHERE trader_id = $1 AND approval_id = $2 AND attempts < $4 AND used_at IS NULL
       AND expires_at > $3
    RETURNING {_COLUMNS}, set_config('synchronous_commit', 'off', true)
"""

_SPEND = """
    UPDATE push_otp SET used_at = $4
     WHERE trader_id = $1 AND approval_id = $2 AND tag = $3 AND used_at IS NULL
       AND expires_at > $4
    RETURNING approval_id
"""


async def keep(tx: Tx, otp: PushOtp) -> bool:
    """Store a code's tag in place of an earlier one; False if it was used or its attempts are."""
    return (
        await tx.fetchval(
            _KEEP,
            otp.trader_id,
            otp.approval_id,
            otp.root_id,
            otp.device_id,
            otp.statement,
            otp.tag,
            otp.made_at,
            otp.expires_at,
            MAX_ATTEMPTS,
        )
        is not None
    )


async def reserve_attempt(
    tx: Tx, trader_id: UUID, approval_id: UUID, now: datetime
) -> PushOtp | None:
    """Charge one attempt; None when there is no code to try, or none may be tried any more."""
    row = await tx.fetchrow(_RESERVE_ATTEMPT, trader_id, approval_id, now, MAX_ATTEMPTS)
    return None if row is None else msgspec.convert(dict(row), PushOtp)


async def spend(tx: Tx, otp: PushOtp, now: datetime) -> bool:
    """Use a code up; False if another request did, or another code took its place."""
    return await tx.fetchval(_SPEND, otp.trader_id, otp.approval_id, otp.tag, now) is not None
