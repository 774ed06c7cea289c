"""What a platform token may do: its scopes, its row, and the signer's word on it."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.core.canonical import canonical_json
from app.core.jose import Jwk
from app.core.statements import TokenSeal, verify
from app.db.pool import Tx

SCOPES = frozenset({"tree.read", "approvals.read", "approvals.request", "grants.request"})
"""Closed: see the tree, see the approvals it asked for, ask for others, ask for grants."""

_COLUMNS = "trader_id, token_id, approval_id, statement, version, sealed_at"


class PlatformToken(msgspec.Struct, frozen=True, kw_only=True):
    """`statement` is the compact JWS of a `TokenSeal`; nothing else of the row is believed."""

    trader_id: UUID
    token_id: UUID
    approval_id: UUID
    statement: str
    version: int
    sealed_at: datetime


def seal_bytes(seal: TokenSeal) -> bytes:
    return canonical_json(msgspec.to_builtins(seal))


def open_seal(statement: str, *, identity_jwk: Jwk) -> TokenSeal:
    """Read a seal that the HSM's identity key made, or raise SignatureRejected."""
    return verify(statement, TokenSeal, expected_key=identity_jwk)


async def get(tx: Tx, trader_id: UUID, token_id: UUID) -> PlatformToken | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM platform_token WHERE trader_id = $1 AND token_id = $2",
        trader_id,
        token_id,
    )
    return None if row is None else msgspec.convert(dict(row), PlatformToken)


async def insert(tx: Tx, new: PlatformToken) -> None:
    await tx.execute(
        f"INSERT INTO platform_token ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
        *msgspec.structs.astuple(new),
    )


async def replace(tx: Tx, changed: PlatformToken) -> bool:
    """Put the next version in the place of the one before; False where that was not there."""
    found = await tx.fetchval(
        "UPDATE platform_token SET statement = $3, version = $4, sealed_at = $5"
        " WHERE trader_id = $1 AND token_id = $2 AND version = $4 - 1 RETURNING version",
        changed.trader_id,
        changed.token_id,
        changed.statement,
        changed.version,
        changed.sealed_at,
    )
    return found is not None
