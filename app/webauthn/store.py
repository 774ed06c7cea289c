"""SQL of the passkey room."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.core.canonical import sha256
from app.db.pool import Tx
from app.webauthn.models import Challenge, Passkey

_COLUMNS = (
    "trader_id, factor_id, root_id, device_id, credential_id, public_key, sign_count,"
    " backup_eligible, backed_up, transports, aaguid, attestation, rp_id, label, state,"
    " bound_at, version, mac"
)
_INSERT = (
    f"INSERT INTO passkey ({_COLUMNS}) VALUES"
    " ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)"
)

# One version follows another: of two that both saw version n, one writes n + 1.
_WRITE = """
    UPDATE passkey SET root_id = $3, sign_count = $4, backed_up = $5, state = $6, version = $7,
                       mac = $8
     WHERE trader_id = $1 AND factor_id = $2 AND version = $7 - 1
    RETURNING factor_id
"""

# The count is part of the insert: who asks too often gets no row, and no lock is taken for it.
_OPEN = """
    INSERT INTO passkey_challenge (trader_id, challenge_id, purpose, bound_to, challenge,
                                   created_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6, $7
     WHERE (SELECT count(*) FROM passkey_challenge
             WHERE trader_id = $1 AND purpose = $3 AND expires_at > $6
               AND ($3 <> 're_enrol' OR bound_to = $4)) < $8
    RETURNING challenge_id
"""

# Deleting it is using it: of any number who try at once, one gets the row.
_TAKE = """
    DELETE FROM passkey_challenge
     WHERE trader_id = $1 AND challenge_id = $2 AND purpose = $3 AND bound_to = $4
       AND expires_at > $5
    RETURNING challenge
"""


async def insert(tx: Tx, passkey: Passkey) -> None:
    """Store a new passkey: (25) its credential id is nobody's yet, and (26).

    Raises
    ------
    Conflict
        The credential id is taken, by whomever.
    """
    await tx.execute(_INSERT, *msgspec.structs.astuple(passkey))
    await tx.execute(
        "INSERT INTO passkey_credential_id (credential_sha256, trader_id, factor_id)"
        " VALUES ($1, $2, $3)",
        sha256(passkey.credential_id),
        passkey.trader_id,
        passkey.factor_id,
    )


async def write(tx: Tx, passkey: Passkey) -> bool:
    """Write the next version of what may change; False when another one did."""
    p = passkey
    found = await tx.fetchval(
        _WRITE,
        p.trader_id,
        p.factor_id,
        p.root_id,
        p.sign_count,
        p.backed_up,
        p.state,
        p.version,
        p.mac,
    )
    return found is not None


async def is_version(tx: Tx, passkey: Passkey) -> bool:
    """Whether the row is still the version that was read."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM passkey"
        " WHERE trader_id = $1 AND factor_id = $2 AND version = $3)",
        passkey.trader_id,
        passkey.factor_id,
        passkey.version,
    )
    return found


async def get(tx: Tx, trader_id: UUID, factor_id: UUID) -> Passkey | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM passkey WHERE trader_id = $1 AND factor_id = $2",
        trader_id,
        factor_id,
    )
    return None if row is None else msgspec.convert(dict(row), Passkey)


async def list_all(tx: Tx, trader_id: UUID) -> list[Passkey]:
    """Every passkey this trader ever registered, those that ended too."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM passkey WHERE trader_id = $1 ORDER BY factor_id", trader_id
    )
    return [msgspec.convert(dict(row), Passkey) for row in rows]


async def open_challenge(tx: Tx, challenge: Challenge, *, most: int) -> bool:
    """Store a challenge; False when `most` of its kind are open for this trader."""
    await tx.execute(
        "DELETE FROM passkey_challenge WHERE trader_id = $1 AND expires_at <= $2",
        challenge.trader_id,
        challenge.created_at,
    )
    return await tx.fetchval(_OPEN, *msgspec.structs.astuple(challenge), most) is not None


async def take_challenge(
    tx: Tx, trader_id: UUID, challenge_id: UUID, *, purpose: str, bound_to: str, now: datetime
) -> bytes | None:
    """Use a challenge up and return its bytes; None when it is gone, or not for this."""
    taken: bytes | None = await tx.fetchval(_TAKE, trader_id, challenge_id, purpose, bound_to, now)
    return taken
