"""Token trees of any size, written straight into the database.

This cheats beneath the API, because through it every grant needs its own approval: a million would
take weeks. The rows are those that `mint_token` would have made (path and expiry from the parent,
depth within the limit); the table's checks run on each, its foreign keys are left out for speed and
`check_size` counts afterwards what is really below a node.

A revoke is final, so that one node gives one measurement. Hence a chain: eight nodes below each
other, all the leaves below the lowest, so that each of the eight has every leaf as a descendant.
Below each of the eight stands a witness, a session with a token of its own: nothing but its node's
revoke kills it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.core import token
from app.core.token import TokenKind
from scripts.benches.common import BenchFailed
from scripts.clients.encoding import Secret

CHAIN = 8
"""Root, eight nodes, leaf: as deep as a tree may be."""

_LIFE = timedelta(days=1)
_ANY_JKT = "0" * 42 + "A"

_NODE = """
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, secret_hash, jkt, scope, label,
                       expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, '{bench}', 'bench', $8)
"""

# Ids in the order of time, as UUIDv7 are, so that the indexes grow as they do in real life.
_LEAVES = """
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, scope, label, expires_at)
    SELECT $1::uuid, leaf.id, 'grant', $2, $3::uuid[] || leaf.id, '{bench}', 'bench', $4
      FROM (SELECT (lpad(to_hex($5::bigint + n / 1000), 12, '0') || '7' || left(md5(n::text), 3)
                    || '8' || right(md5($1::uuid::text || n), 15))::uuid AS id
              FROM generate_series(1, $6::integer) AS n) AS leaf
"""
_BELOW = "SELECT count(*) FROM token WHERE trader_id = $1 AND path @> ARRAY[$2::uuid]"
_LEVELS = """
    SELECT effective_level(trader_id, path) AS level, count(*) AS nodes FROM token
     WHERE trader_id = $1 AND path @> ARRAY[$2::uuid] AND abs(hashtext(token_id::text)) % $3 = 0
     GROUP BY level
"""
_SAMPLE = 10_000


@dataclass(frozen=True, slots=True)
class Branch:
    """One node of the chain, and the witness below it."""

    node_id: UUID
    path: Sequence[UUID]
    witness: Secret


@dataclass(frozen=True, slots=True)
class Tree:
    """`branches`: lowest first. Each has at least `leaves` descendants."""

    trader_id: UUID
    leaves: int
    branches: Sequence[Branch]


async def plant(owner: Any, trader_id: UUID, leaves: int) -> Tree:
    """Hang a chain with all its leaves below the trader's root."""
    root_id = await owner.fetchval("SELECT root_id FROM trader WHERE trader_id = $1", trader_id)
    expires_at, path, branches = datetime.now(UTC) + _LIFE, [root_id], list[Branch]()
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")
        for depth in range(CHAIN):
            node_id, kind = uuid7(), "credential" if depth == 0 else "grant"
            node = (trader_id, node_id, kind, path[-1], [*path, node_id], None, None, expires_at)
            await owner.execute(_NODE, *node)
            path.append(node_id)
            witness = await _witness(owner, trader_id, path, expires_at)
            branches.append(Branch(node_id, tuple(path), witness))
        now_ms = time.time_ns() // 1_000_000
        await owner.execute(_LEAVES, trader_id, path[-1], path, expires_at, now_ms, leaves)
    return Tree(trader_id, leaves, branches[::-1])


async def check_size(owner: Any, tree: Tree) -> None:
    """Raise BenchFailed unless the lowest, and so every, node of the chain has all the leaves."""
    lowest = tree.branches[0]
    below = await owner.fetchval(_BELOW, tree.trader_id, lowest.node_id) - 1
    if below < tree.leaves:
        raise BenchFailed(f"{below} descendants instead of {tree.leaves}")


async def levels_below(owner: Any, tree: Tree, branch: Branch) -> dict[int, int]:
    """Effective level -> nodes that have it, at and below a node; of many, about 10,000 drawn."""
    every = max(1, tree.leaves // _SAMPLE)
    rows = await owner.fetch(_LEVELS, tree.trader_id, branch.node_id, every)
    return {row["level"]: row["nodes"] for row in rows}


async def _witness(
    owner: Any, trader_id: UUID, path: Sequence[UUID], expires_at: datetime
) -> Secret:
    bearer = token.mint(TokenKind.SESSION, trader_id, uuid7())
    await owner.execute(
        _NODE,
        trader_id,
        bearer.token_id,
        "session",
        path[-1],
        [*path, bearer.token_id],
        bearer.secret_hash(),
        _ANY_JKT,
        expires_at,
    )
    return Secret(bearer.reveal())
