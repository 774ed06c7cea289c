"""Checkpoints: one signed Merkle root over the heads that changed, each extending the last."""

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from app.accesslog import merkle
from app.accesslog.models import CheckpointProof
from app.core.canonical import canonical_json, sha256
from app.core.clock import Clock, unix_micros
from app.core.encoding import b64url
from app.db.pool import Database, Tx

_LOG = logging.getLogger(__name__)

SHARD = "0"
EVERY_SECONDS = 5.0
MAX_HEADS = 4096
"""Heads in one checkpoint; what is left over comes in the next."""

Sign = Callable[[bytes], Awaitable[str]]
"""Signs a payload with the checkpoint key and gives the compact JWS."""

# SKIP LOCKED: a head that somebody holds waits for the next checkpoint, and not all of them for it.
_CHANGED = """
    SELECT trader_id, chain, position, head_hash FROM access_log_head
     WHERE position <> checkpointed_position
     ORDER BY trader_id, chain LIMIT $1
       FOR NO KEY UPDATE SKIP LOCKED
"""

# From the head that was signed last to the one about to be: every entry hashed again, every link
# checked. Without it a history that was rewritten and continued would be signed like any other.
_UNBROKEN = """
    WITH last AS (
        SELECT position, head_hash FROM checkpoint_leaf
         WHERE trader_id = $1 AND chain = $2 AND shard = $5
         ORDER BY number DESC LIMIT 1
    ), since AS (
        SELECT e.position, e.previous_hash, e.entry_hash,
               e.content_hash = log_content_hash(e)
               AND e.entry_hash = sha256(e.previous_hash || e.content_hash) AS hashed,
               lag(e.entry_hash) OVER (ORDER BY e.position) AS before
          FROM access_log e
         WHERE e.trader_id = $1 AND e.chain = $2 AND e.position <= $3
           AND e.position > coalesce((SELECT position FROM last), 0)
    )
    SELECT count(*) = $3 - coalesce((SELECT position FROM last), 0)
           AND bool_and(hashed AND previous_hash = coalesce(
                   before, (SELECT head_hash FROM last), decode(repeat('00', 32), 'hex')))
           AND (array_agg(entry_hash ORDER BY position DESC))[1] = $4
      FROM since
"""

_LAST = "SELECT number, jws FROM checkpoint WHERE shard = $1 ORDER BY number DESC LIMIT 1"

_MARK = """
    UPDATE access_log_head SET checkpointed_position = $3
     WHERE trader_id = $1 AND chain = $2
"""

_LATEST_FOR = """
    SELECT l.number, l.leaf_index, l.position, l.head_hash, c.jws
      FROM checkpoint_leaf l JOIN checkpoint c ON c.shard = l.shard AND c.number = l.number
     WHERE l.trader_id = $1 AND l.chain = $2 AND l.shard = $3
     ORDER BY l.number DESC LIMIT 1
"""

_LEAVES = """
    SELECT trader_id, chain, position, head_hash FROM checkpoint_leaf
     WHERE shard = $1 AND number = $2 ORDER BY leaf_index
"""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    trader_id: UUID
    chain: UUID
    position: int
    head_hash: bytes

    def leaf(self) -> bytes:
        return merkle.leaf_hash(self.trader_id, self.chain, self.position, self.head_hash)


async def make_checkpoint(db: Database, sign: Sign, clock: Clock) -> int:
    """Sign the heads that changed since the last checkpoint; returns how many there were.

    A head read here is committed; one that moves on meanwhile stays "changed" for the next time.
    """
    async with db.transaction() as tx:
        changed = [msgspec.convert(dict(row), Head) for row in await tx.fetch(_CHANGED, MAX_HEADS)]
        heads = [head for head in changed if await _is_unbroken(tx, head)]
        if not heads:
            return 0
        last = await tx.fetchrow(_LAST, SHARD)
        number = 1 if last is None else last["number"] + 1
        previous = bytes(32) if last is None else sha256(last["jws"].encode())
        root, now = merkle.root([head.leaf() for head in heads]), clock.now()
        claims = {
            "domain": "tripcord/checkpoint/v1",
            "shard": SHARD,
            "number": number,
            "previous_digest": b64url(previous),
            "root": b64url(root),
            "size": len(heads),
            "at_us": unix_micros(now),
        }
        jws = await sign(canonical_json(claims))
        await tx.execute(
            "INSERT INTO checkpoint (shard, number, jws, root, size, at)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            SHARD,
            number,
            jws,
            root,
            len(heads),
            now,
        )
        await tx.executemany(
            "INSERT INTO checkpoint_leaf (trader_id, chain, shard, number, leaf_index, position,"
            " head_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                (h.trader_id, h.chain, SHARD, number, index, h.position, h.head_hash)
                for index, h in enumerate(heads)
            ],
        )
        await tx.executemany(_MARK, [(h.trader_id, h.chain, h.position) for h in heads])
    return len(heads)


async def _is_unbroken(tx: Tx, head: Head) -> bool:
    """Whether a head continues what was signed of its chain; if not it is never signed again."""
    args = (head.trader_id, head.chain, head.position, head.head_hash, SHARD)
    unbroken = bool(await tx.fetchval(_UNBROKEN, *args))
    if not unbroken:
        _LOG.error(
            "a chain was changed after it was signed",
            extra={"trader_id": str(head.trader_id), "chain": str(head.chain)},
        )
    return unbroken


async def latest_proof(tx: Tx, trader_id: UUID, chain: UUID) -> CheckpointProof | None:
    """The newest checkpoint that covers a chain, with its inclusion proof."""
    row = await tx.fetchrow(_LATEST_FOR, trader_id, chain, SHARD)
    if row is None:
        return None
    leaves = await tx.fetch(_LEAVES, SHARD, row["number"])
    hashes = [msgspec.convert(dict(leaf), Head).leaf() for leaf in leaves]
    return CheckpointProof(
        checkpoint=row["jws"],
        chain=chain,
        position=row["position"],
        head_hash=row["head_hash"],
        index=row["leaf_index"],
        proof=merkle.inclusion_proof(hashes, row["leaf_index"]),
    )
