"""SQL of the recovery room."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.core.origin import Origin
from app.db.pool import Tx
from app.recovery.models import CodesLeft, RecoveryCode, ReEnrolment

_CODE = "trader_id, code_id, set_number, root_id, device_id, public_jwk, bound_at, version, mac"
_RE_ENROLMENT = (
    "trader_id, re_enrolment_id, root_id, code_id, public_jwk, name, push_kind,"
    " push_registration, authenticator_lost, begun_at, not_before, expires_at, state, ended_at,"
    " ended_by, version, mac, passkey_id"
)

_INSERT_CODE = f"INSERT INTO recovery_code ({_CODE}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)"

# Spends the code and opens the one that may be open: either unique index makes it a no.
_BEGIN = f"""
    INSERT INTO re_enrolment ({_RE_ENROLMENT})
    VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)
    ON CONFLICT DO NOTHING RETURNING re_enrolment_id
"""

_END = """
    UPDATE re_enrolment SET state = $3, ended_at = $4, ended_by = $5, version = $6, mac = $7
     WHERE trader_id = $1 AND re_enrolment_id = $2 AND state = 'waiting' AND version = $6 - 1
    RETURNING re_enrolment_id
"""

_LEFT = """
    SELECT count(*) FILTER (WHERE r.code_id IS NULL) AS codes_left, min(c.bound_at) AS made_at
      FROM recovery_code c
      LEFT JOIN re_enrolment r ON r.trader_id = c.trader_id AND r.code_id = c.code_id
     WHERE c.trader_id = $1
       AND c.set_number = (SELECT max(n.set_number) FROM recovery_code n WHERE n.trader_id = $1)
"""


async def add_codes(tx: Tx, codes: Sequence[RecoveryCode]) -> None:
    """Store a set.

    Raises
    ------
    Conflict
        A code id is taken.
    """
    await tx.executemany(_INSERT_CODE, [msgspec.structs.astuple(code) for code in codes])
    await tx.execute(
        "INSERT INTO recovery_state (trader_id) VALUES ($1) ON CONFLICT DO NOTHING",
        codes[0].trader_id,
    )


async def get_code(tx: Tx, trader_id: UUID, code_id: UUID) -> RecoveryCode | None:
    row = await tx.fetchrow(
        f"SELECT {_CODE} FROM recovery_code WHERE trader_id = $1 AND code_id = $2",
        trader_id,
        code_id,
    )
    return None if row is None else msgspec.convert(dict(row), RecoveryCode)


async def newest_by(tx: Tx, trader_id: UUID, device_id: UUID) -> RecoveryCode | None:
    """A code of the newest set that a device made, whether it still counts or not."""
    row = await tx.fetchrow(
        f"SELECT {_CODE} FROM recovery_code WHERE trader_id = $1 AND device_id = $2"
        " ORDER BY set_number DESC, code_id LIMIT 1",
        trader_id,
        device_id,
    )
    return None if row is None else msgspec.convert(dict(row), RecoveryCode)


async def newest_set(tx: Tx, trader_id: UUID) -> int:
    """Number of the set that counts; 0 before there is one."""
    number: int = await tx.fetchval(
        "SELECT coalesce(max(set_number), 0) FROM recovery_code WHERE trader_id = $1", trader_id
    )
    return number


async def codes_left(tx: Tx, trader_id: UUID) -> CodesLeft:
    left = await tx.fetchrow(_LEFT, trader_id)
    tries = await tx.fetchrow(
        "SELECT failures, last_failed_at FROM recovery_state WHERE trader_id = $1", trader_id
    )
    return CodesLeft(
        codes_left=0 if left is None else left["codes_left"],
        made_at=None if left is None else left["made_at"],
        failures=0 if tries is None else tries["failures"],
        last_failed_at=None if tries is None else tries["last_failed_at"],
    )


async def count_failure(tx: Tx, trader_id: UUID, now: datetime) -> None:
    """One more wrong try; an unknown trader's is the nil trader's, so that it costs the same."""
    await tx.execute(
        "UPDATE recovery_state SET failures = failures + 1, last_failed_at = $2"
        " WHERE trader_id = coalesce((SELECT s.trader_id FROM recovery_state s"
        "                              WHERE s.trader_id = $1), $3)",
        trader_id,
        now,
        UUID(int=0),
    )


async def begin(tx: Tx, re_enrolment: ReEnrolment) -> bool:
    """Spend its code and store it; False when the code was used or another one is open."""
    return await tx.fetchval(_BEGIN, *msgspec.structs.astuple(re_enrolment)) is not None


async def get(tx: Tx, trader_id: UUID, re_enrolment_id: UUID) -> ReEnrolment | None:
    row = await tx.fetchrow(
        f"SELECT {_RE_ENROLMENT} FROM re_enrolment WHERE trader_id = $1 AND re_enrolment_id = $2",
        trader_id,
        re_enrolment_id,
    )
    return None if row is None else msgspec.convert(dict(row), ReEnrolment)


async def get_open(tx: Tx, trader_id: UUID) -> ReEnrolment | None:
    """The one whose state is waiting, overdue or not."""
    row = await tx.fetchrow(
        f"SELECT {_RE_ENROLMENT} FROM re_enrolment WHERE trader_id = $1 AND state = 'waiting'",
        trader_id,
    )
    return None if row is None else msgspec.convert(dict(row), ReEnrolment)


async def end(tx: Tx, ended: ReEnrolment) -> bool:
    """Write the end of a waiting one, as its next version; False when it ended already."""
    found = await tx.fetchval(
        _END,
        ended.trader_id,
        ended.re_enrolment_id,
        ended.state,
        ended.ended_at,
        ended.ended_by,
        ended.version,
        ended.mac,
    )
    return found is not None


async def is_lost(tx: Tx, trader_id: UUID, device_id: UUID) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM lost_device WHERE trader_id = $1 AND device_id = $2)",
        trader_id,
        device_id,
    )
    return found


async def revoke_old_root(
    tx: Tx, re_enrolment: ReEnrolment, origin: Origin, *, revocation_id: UUID, receipt_hash: bytes
) -> None:
    """Revoke the root that a due re-enrolment ends; the caller makes the next in the same tx."""
    await tx.fetchval(
        "SELECT revoke_old_root($1, $2, $3, $4, $5, $6, $7)",
        re_enrolment.trader_id,
        re_enrolment.re_enrolment_id,
        origin.actor,
        origin.address,
        origin.user_agent,
        revocation_id,
        receipt_hash,
    )


async def ring_every_device(
    tx: Tx, trader_id: UUID, topic: str, rid: UUID, expires_at: datetime
) -> int:
    """A doorbell for each device, revoked ones too, unless reported lost; returns how many."""
    rung: int = await tx.fetchval(
        "SELECT ring_every_device($1, $2, $3, $4)", trader_id, topic, rid, expires_at
    )
    return rung
