"""SQL of the tokens room."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.core.origin import Origin
from app.db.errors import Conflict
from app.db.pool import Row, Tx
from app.tokens.errors import ParentNotActive, TokenNotFound
from app.tokens.models import Admission, Card, Imposed, Level, NewNode, Node

NODE_COLUMNS = (
    "trader_id, token_id, kind, parent_id, path, jkt, scope, label, created_at, expires_at,"
    " networks::text[] AS networks, version"
)
_MINT = f"SELECT {NODE_COLUMNS} FROM mint_token($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


async def mint(tx: Tx, new: NewNode) -> Node:
    """Make a node; its path and latest expiry come from the parent's row.

    The caller holds the trader lock.

    Raises
    ------
    ParentNotActive
        The parent is unknown, expired or fenced.
    """
    try:
        row = await tx.fetchrow(
            _MINT,
            new.trader_id,
            new.token_id,
            new.kind,
            new.parent_id,
            new.secret_hash,
            new.jkt,
            new.scope,
            new.label,
            new.expires_at,
            new.networks,
        )
    except Conflict as error:
        if error.name == "TC001":
            raise ParentNotActive from error
        if error.name == "depth_is_bounded":
            raise ParentNotActive(rule="depth") from error
        raise
    return node_of(row)


async def get(tx: Tx, trader_id: UUID, token_id: UUID) -> Node | None:
    row = await tx.fetchrow(
        f"SELECT {NODE_COLUMNS} FROM token WHERE trader_id = $1 AND token_id = $2",
        trader_id,
        token_id,
    )
    return None if row is None else node_of(row)


async def effective_level(tx: Tx, trader_id: UUID, path: Sequence[UUID]) -> Level:
    """The worst rung on a path, now. Authoritative only under the trader lock."""
    return Level(await tx.fetchval("SELECT effective_level($1, $2)", trader_id, list(path)))


async def admit(
    tx: Tx,
    *,
    trader_id: UUID,
    token_id: UUID,
    secret_hash: bytes,
    proof_scope: str,
    proof_hash: bytes,
    proof_expires_at: datetime,
) -> Admission:
    """Spend a proof and look a token up, in one round trip."""
    row = await tx.fetchrow(
        "SELECT * FROM admit_path($1, $2, $3, $4, $5, $6)",
        trader_id,
        token_id,
        secret_hash,
        proof_scope,
        proof_hash,
        proof_expires_at,
    )
    return msgspec.convert(dict(row or {}), Admission)


async def spend_proof(tx: Tx, scope: str, proof_hash: bytes, expires_at: datetime) -> bool:
    """Accept a proof identifier once; False when any node has seen it."""
    return bool(await tx.fetchval("SELECT spend_proof($1, $2, $3)", scope, proof_hash, expires_at))


async def tighten(
    tx: Tx,
    *,
    trader_id: UUID,
    token_id: UUID,
    level: Level,
    reason: str,
    origin: Origin,
    request_digest: bytes | None = None,
    revocation_id: UUID | None = None,
    receipt_hash: bytes | None = None,
    mode: str | None = None,
) -> Imposed:
    """Impose a fence; for `REVOKED` also store the revocation, its clean-up job and doorbells.

    Takes the trader lock itself and stands in no line.

    Raises
    ------
    TokenNotFound
        No such node in this trader's tree.
    """
    try:
        row = await tx.fetchrow(
            "SELECT * FROM tighten($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
            trader_id,
            token_id,
            level,
            reason,
            origin.actor,
            origin.device_id,
            origin.address,
            origin.user_agent,
            request_digest,
            revocation_id,
            receipt_hash,
            mode,
        )
    except Conflict as error:
        if error.name == "TC002":
            raise TokenNotFound from error
        raise
    return msgspec.convert(dict(row or {}), Imposed)


async def operators_level(tx: Tx, trader_id: UUID, token_id: UUID) -> Level:
    """The rung an operator put on this very node; only an operator takes it away."""
    level = await tx.fetchval(
        "SELECT level FROM fence"
        " WHERE trader_id = $1 AND token_id = $2 AND imposed_by = 'operator'",
        trader_id,
        token_id,
    )
    return Level.ACTIVE if level is None else Level(level)


async def level_for_platform(
    tx: Tx, *, trader_id: UUID, token_id: UUID, secret_hash: bytes, platform_id: UUID
) -> Level | None:
    """Effective rung of a presented token, for the platform that created its trader; else None."""
    level = await tx.fetchval(
        "SELECT effective_level(t.trader_id, t.path) FROM token t JOIN trader r USING (trader_id)"
        " WHERE t.trader_id = $1 AND t.token_id = $2 AND r.platform_id = $4"
        "   AND secret_is_current(t.trader_id, t.token_id, t.secret_hash, $3)",
        trader_id,
        token_id,
        secret_hash,
        platform_id,
    )
    return None if level is None else Level(level)


async def add_card(
    tx: Tx, trader_id: UUID, card_id: UUID, secret_hash: bytes, root_id: UUID
) -> None:
    """Register the hash of a card that the device made.

    Raises
    ------
    Conflict
        The card id is taken.
    """
    await tx.execute(
        "INSERT INTO revocation_card (trader_id, card_id, secret_hash, root_id)"
        " VALUES ($1, $2, $3, $4)",
        trader_id,
        card_id,
        secret_hash,
        root_id,
    )


async def find_card(tx: Tx, trader_id: UUID, card_id: UUID, secret_hash: bytes) -> Card | None:
    row = await tx.fetchrow(
        # A card is of one root: of a trader who came back with another it revokes nothing.
        "SELECT c.trader_id, c.card_id, c.root_id FROM revocation_card c"
        "  JOIN trader t ON t.trader_id = c.trader_id AND t.root_id = c.root_id"
        " WHERE c.trader_id = $1 AND c.card_id = $2 AND c.secret_hash = $3"
        "   AND (c.removed_at IS NULL OR c.removed_at > clock_timestamp())",
        trader_id,
        card_id,
        secret_hash,
    )
    return None if row is None else msgspec.convert(dict(row), Card)


async def end_leaked(
    tx: Tx, kind: str, trader_id: UUID, subject_id: UUID, secret_hash: bytes, origin: Origin
) -> bool:
    """End a card, a receipt or an enrolment code that was found in public, with its entry in the
    trader's log and his phones rung; False where there is none with this secret. Takes the lock.
    """
    return bool(
        await tx.fetchval(
            "SELECT end_leaked($1, $2, $3, $4, $5, $6)",
            kind,
            trader_id,
            subject_id,
            secret_hash,
            origin.address,
            origin.user_agent,
        )
    )


def node_of(row: Row | None) -> Node:
    if row is None:
        raise Conflict("mint_token")
    return msgspec.convert({name: row[name] for name in Node.__struct_fields__}, Node)
