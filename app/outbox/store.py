"""SQL of the outbox: ring, lease, finish."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.outbox.models import Message, Topic

MAX_ATTEMPTS = 10

_TELL = "SELECT tell_platform($1, $2, $3, $4, $5)"
_RING = "SELECT ring_devices($1, $2, $3, $4)"

# SKIP LOCKED lets any number of dispatchers drain; the lease makes a killed one's rows come back.
# Not per trader on purpose: the dispatcher serves all. MATERIALIZED, because as a mere subquery the
# planner may put it inside a loop, where every round locks another `limit` rows.
_LEASE = """
    WITH due AS MATERIALIZED (
        SELECT trader_id, message_id FROM outbox
         WHERE channel = 'push' AND state = 'pending' AND due_at <= now()
           AND (leased_until IS NULL OR leased_until < now())
         ORDER BY priority, due_at LIMIT $1
           FOR UPDATE SKIP LOCKED),
    leased AS (
        UPDATE outbox o
           SET leased_until = now() + make_interval(secs => $2), attempts = o.attempts + 1
          FROM due
         WHERE o.trader_id = due.trader_id AND o.message_id = due.message_id
        RETURNING o.trader_id, o.message_id, o.topic, o.rid, o.device_id, o.attempts, o.expires_at,
                  o.priority, o.due_at)
    SELECT l.trader_id, l.message_id, l.topic, l.rid, l.device_id, l.attempts, l.expires_at,
           r.registration, r.kind AS registration_kind
      FROM leased l
      LEFT JOIN push_registration r
        ON r.trader_id = l.trader_id AND r.device_id = l.device_id AND r.disabled_at IS NULL
     ORDER BY l.priority, l.due_at
"""

_FINISH = """
    UPDATE outbox SET state = $3, last_error = $4, finished_at = clock_timestamp(),
                      leased_until = NULL
     WHERE trader_id = $1 AND message_id = $2 AND state = 'pending'
"""

# Every lease counts an attempt, so `attempts` tells whether the row is still ours: one whose lease
# ran out must not cut short the lease of whoever has it now.
_RETRY = """
    UPDATE outbox SET due_at = $3, last_error = $4, leased_until = NULL
     WHERE trader_id = $1 AND message_id = $2 AND state = 'pending' AND attempts = $5
"""

_DISABLE = """
    UPDATE push_registration SET disabled_at = clock_timestamp()
     WHERE trader_id = $1 AND device_id = $2 AND registration = $3
"""


async def ring(tx: Tx, trader_id: UUID, topic: Topic, rid: UUID, expires_at: datetime) -> int:
    """Queue one doorbell for each of the trader's devices; returns how many."""
    rung: int = await tx.fetchval(_RING, trader_id, topic, rid, expires_at)
    return rung


async def tell_platform(
    tx: Tx, trader_id: UUID, *, event: str, fact: str, fact_id: UUID, position: int
) -> int:
    """Queue an event for the webhooks of the trader's platform; returns how many.

    `fact` and `fact_id` name the row that proves it and `position` its entry on the trader's locked
    chain: both are written in the same transaction.
    """
    told: int = await tx.fetchval(_TELL, trader_id, event, fact, fact_id, position)
    return told


async def lease(tx: Tx, limit: int, seconds: float) -> list[Message]:
    """Take up to `limit` due doorbells for `seconds`, the most urgent first."""
    rows = await tx.fetch(_LEASE, limit, seconds)
    return [msgspec.convert(dict(row), Message) for row in rows]


async def finish(tx: Tx, message: Message, state: str, error: str | None) -> None:
    """Give a message its final state: sent, expired, undeliverable or dead."""
    await tx.execute(_FINISH, message.trader_id, message.message_id, state, error)


async def retry(tx: Tx, message: Message, due_at: datetime, error: str) -> None:
    """Give a message back until `due_at`; nothing if another has leased it meanwhile."""
    await tx.execute(_RETRY, message.trader_id, message.message_id, due_at, error, message.attempts)


async def disable_registration(tx: Tx, message: Message) -> None:
    """The provider does not know the registration any more."""
    await tx.execute(_DISABLE, message.trader_id, message.device_id, message.registration)
