"""SQL of the access log. The hashes are made by the database, in `append_entry`."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.accesslog.models import LOCKED_CHAIN, Entry, Event, StoredEntry
from app.db.pool import Tx

_APPEND = "SELECT append_entry($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)"

_APPEND_BATCH = """
    SELECT append_entry(e.trader_id, $1, e.event, e.actor, e.token_id, e.path, e.subject_id,
                        e.outcome, e.rule, decode(e.request_digest, 'hex'),
                        decode(e.answer_digest, 'hex'), e.venue_outcome, e.address, e.user_agent,
                        e.device_id)
      FROM jsonb_to_recordset($2::text::jsonb) AS e(
           trader_id uuid, event text, actor text, token_id uuid, path uuid[], subject_id uuid,
           outcome text, rule text, request_digest text, answer_digest text, venue_outcome text,
           address text, user_agent text, device_id uuid)
"""

_PAGE = """
    SELECT trader_id, chain, position, at, event, actor, token_id, path, subject_id, outcome, rule,
           request_digest, answer_digest, venue_outcome, address, user_agent, device_id,
           previous_hash, content_hash, entry_hash
      FROM access_log
     WHERE trader_id = $1 AND chain = $2 AND position > $3
     ORDER BY position
     LIMIT $4
"""


async def append(tx: Tx, chain: UUID, entry: Entry) -> int:
    """Append to a chain inside the caller's transaction; returns the position."""
    position: int = await tx.fetchval(
        _APPEND,
        entry.trader_id,
        chain,
        entry.event,
        entry.origin.actor,
        entry.token_id,
        entry.path,
        entry.subject_id,
        entry.outcome,
        entry.rule,
        entry.request_digest,
        entry.answer_digest,
        entry.venue_outcome,
        entry.origin.address,
        entry.origin.user_agent,
        entry.origin.device_id,
    )
    return position


async def append_batch(tx: Tx, chain: UUID, entries: Sequence[Entry]) -> None:
    """Append many entries to one writer's chains in one statement."""
    rows = [
        {
            "trader_id": e.trader_id,
            "event": e.event,
            "actor": e.origin.actor,
            "token_id": e.token_id,
            "path": e.path,
            "subject_id": e.subject_id,
            "outcome": e.outcome,
            "rule": e.rule,
            "request_digest": e.request_digest.hex() if e.request_digest else None,
            "answer_digest": e.answer_digest.hex() if e.answer_digest else None,
            "venue_outcome": e.venue_outcome,
            "address": e.origin.address,
            "user_agent": e.origin.user_agent,
            "device_id": e.origin.device_id,
        }
        for e in entries
    ]
    await tx.fetch(_APPEND_BATCH, chain, msgspec.json.encode(rows).decode())


async def page(tx: Tx, trader_id: UUID, chain: UUID, after: int, limit: int) -> list[StoredEntry]:
    """Entries of one chain in order, from the position after `after`."""
    rows = await tx.fetch(_PAGE, trader_id, chain, after, limit)
    return [msgspec.convert(dict(row), StoredEntry) for row in rows]


async def last_position(tx: Tx, trader_id: UUID, event: Event, subject_id: UUID) -> int | None:
    """Where a trader's `locked` chain last tells of this; meant for what happened lately."""
    position: int | None = await tx.fetchval(
        "SELECT position FROM access_log"
        " WHERE trader_id = $1 AND chain = $2 AND event = $3 AND subject_id = $4"
        " ORDER BY position DESC LIMIT 1",
        trader_id,
        LOCKED_CHAIN,
        event,
        subject_id,
    )
    return position
