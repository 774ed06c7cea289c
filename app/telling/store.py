"""SQL of what a statement rests on. Read only."""

from uuid import UUID

import msgspec

from app.accesslog.models import LOCKED_CHAIN
from app.db.pool import Tx
from app.telling.models import Logged, Queued, Revoked, Subject

_QUEUED = """
    SELECT o.trader_id, o.message_id, o.rid, o.subject::text AS subject, o.created_at,
           w.platform_id, t.platform_id AS owner_id
      FROM outbox o JOIN webhook w ON w.webhook_id = o.target_id
      JOIN platform p ON p.platform_id = w.platform_id AND p.disabled_at IS NULL
      LEFT JOIN trader t ON t.trader_id = o.trader_id
     WHERE o.trader_id = $1 AND o.message_id = $2 AND o.channel = 'webhook'
"""

# The hash over the columns is made again; the link to the entry before is looked at.
_LOGGED = """
    SELECT l.event, l.outcome, l.at, l.token_id, l.subject_id,
           log_content_hash(l) = l.content_hash
           AND sha256(l.previous_hash || l.content_hash) = l.entry_hash
           AND l.previous_hash = coalesce(
               (SELECT p.entry_hash FROM access_log p
                 WHERE p.trader_id = $1 AND p.chain = $2 AND p.position = $3 - 1),
               decode(repeat('00', 32), 'hex')) AS genuine
      FROM access_log l
     WHERE l.trader_id = $1 AND l.chain = $2 AND l.position = $3
"""

# The fence is what makes it true, so it is the fence's imposer that is told.
_REVOKED = """
    SELECT r.token_id, t.kind, t.kind = 'trader' AS is_root, f.imposed_by, r.log_position
      FROM revocation r
      JOIN token t ON t.trader_id = r.trader_id AND t.token_id = r.token_id
      JOIN fence f ON f.trader_id = r.trader_id AND f.token_id = r.token_id AND f.level = 5
     WHERE r.trader_id = $1 AND r.revocation_id = $2
     ORDER BY f.log_position = r.log_position DESC LIMIT 1
"""


async def queued(tx: Tx, trader_id: UUID, message_id: UUID) -> Queued | None:
    row = await tx.fetchrow(_QUEUED, trader_id, message_id)
    if row is None:
        return None
    subject = msgspec.json.decode(row["subject"], type=Subject)
    return msgspec.convert({**row, "subject": subject}, Queued)


async def logged(tx: Tx, trader_id: UUID, position: int) -> Logged | None:
    """The entry at a position of the trader's locked chain."""
    row = await tx.fetchrow(_LOGGED, trader_id, LOCKED_CHAIN, position)
    return None if row is None else msgspec.convert(dict(row), Logged)


async def revoked(tx: Tx, trader_id: UUID, revocation_id: UUID) -> Revoked | None:
    """A revocation whose fence stands."""
    row = await tx.fetchrow(_REVOKED, trader_id, revocation_id)
    return None if row is None else msgspec.convert(dict(row), Revoked)
