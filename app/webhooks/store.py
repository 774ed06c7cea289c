"""SQL of webhooks: what a platform registers, and what the dispatcher sends."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Tx
from app.webhooks.models import EventKind, Key, Outgoing, State, Webhook

_COLUMNS = """platform_id, webhook_id, url, events, state, created_at, failing_since, disabled_at,
              disabled_reason"""
_LIST = f"""
    SELECT {_COLUMNS} FROM webhook
     WHERE platform_id = $1 AND state <> 'deleted' ORDER BY webhook_id
"""
_GET = f"""
    SELECT {_COLUMNS} FROM webhook
     WHERE platform_id = $1 AND webhook_id = $2 AND state <> 'deleted'
"""
_TROUBLED = f"""
    SELECT {_COLUMNS} FROM webhook
     WHERE state = 'disabled' OR (state <> 'deleted' AND failing_since IS NOT NULL)
     ORDER BY coalesce(failing_since, disabled_at)
"""
_CHANGE = """
    UPDATE webhook SET events = $3, state = $4, failing_since = $5, disabled_at = NULL,
                       disabled_reason = NULL
     WHERE platform_id = $1 AND webhook_id = $2 AND state <> 'deleted'
"""
_LIVE_KEYS = """
    SELECT version, public_key, created_at, retires_at FROM webhook_key
     WHERE platform_id = $1 AND webhook_id = $2 AND (retires_at IS NULL OR retires_at > $3)
     ORDER BY version DESC
"""
_UNPUBLISHED = """
    SELECT platform_id, webhook_id, version FROM webhook_key WHERE public_key IS NULL LIMIT 100
"""


async def insert(
    tx: Tx, platform_id: UUID, webhook_id: UUID, url: str, events: Sequence[EventKind]
) -> None:
    """A new webhook with the first version of its key, still without a public half."""
    await tx.execute(
        "INSERT INTO webhook (platform_id, webhook_id, url, events) VALUES ($1, $2, $3, $4)",
        platform_id,
        webhook_id,
        url,
        list(events),
    )
    await add_key(tx, platform_id, webhook_id, 1)


async def add_key(tx: Tx, platform_id: UUID, webhook_id: UUID, version: int) -> None:
    await tx.execute(
        "INSERT INTO webhook_key (platform_id, webhook_id, version) VALUES ($1, $2, $3)",
        platform_id,
        webhook_id,
        version,
    )


async def retire_keys(
    tx: Tx, platform_id: UUID, webhook_id: UUID, *, below: int, at: datetime
) -> None:
    """Older versions sign until `at`, or until they were to end anyway."""
    await tx.execute(
        "UPDATE webhook_key SET retires_at = least(retires_at, $4)"
        " WHERE platform_id = $1 AND webhook_id = $2 AND version < $3",
        platform_id,
        webhook_id,
        below,
        at,
    )


async def list_all(tx: Tx, platform_id: UUID) -> list[Webhook]:
    rows = await tx.fetch(_LIST, platform_id)
    return [msgspec.convert(dict(row), Webhook) for row in rows]


async def get(tx: Tx, platform_id: UUID, webhook_id: UUID) -> Webhook | None:
    row = await tx.fetchrow(_GET, platform_id, webhook_id)
    return None if row is None else msgspec.convert(dict(row), Webhook)


async def troubled(tx: Tx) -> list[Webhook]:
    """Webhooks of all platforms that fail or were disabled, the oldest trouble first."""
    rows = await tx.fetch(_TROUBLED)
    return [msgspec.convert(dict(row), Webhook) for row in rows]


async def change(tx: Tx, webhook: Webhook, *, events: Sequence[EventKind], state: State) -> None:
    """Set events and state; a webhook that is taken up again starts with a clean sheet."""
    failing_since = webhook.failing_since if state is webhook.state else None
    await tx.execute(
        _CHANGE, webhook.platform_id, webhook.webhook_id, list(events), state, failing_since
    )


async def live_keys(tx: Tx, platform_id: UUID, webhook_id: UUID, now: datetime) -> list[Key]:
    """Versions that sign now, the newest first."""
    rows = await tx.fetch(_LIVE_KEYS, platform_id, webhook_id, now)
    return [msgspec.convert(dict(row), Key) for row in rows]


async def test(tx: Tx, platform_id: UUID, webhook_id: UUID) -> UUID | None:
    """Queue a verification event; None unless the webhook is active and no test is under way."""
    message_id: UUID | None = await tx.fetchval(
        "SELECT test_webhook($1, $2)", platform_id, webhook_id
    )
    return message_id


async def unpublished(tx: Tx) -> list[tuple[UUID, UUID, int]]:
    """(platform, webhook, version) of keys whose public half is missing."""
    rows = await tx.fetch(_UNPUBLISHED)
    return [(row["platform_id"], row["webhook_id"], row["version"]) for row in rows]


async def publish(
    tx: Tx, platform_id: UUID, webhook_id: UUID, version: int, public_key: bytes
) -> None:
    await tx.execute(
        "SELECT publish_webhook_key($1, $2, $3, $4)", platform_id, webhook_id, version, public_key
    )


# Up to four at once per webhook, one where the last attempt failed, none while some are under way
# here ($3): a receiver that hangs takes few slots, so it delays no other. Not per trader on
# purpose: the dispatcher serves all.
_LEASE = """
    WITH due AS MATERIALIZED (
        SELECT o.trader_id, o.message_id, w.platform_id, w.webhook_id, w.url
          FROM webhook w CROSS JOIN LATERAL (
               SELECT q.trader_id, q.message_id, q.priority, q.due_at FROM outbox q
                WHERE q.target_id = w.webhook_id AND q.state = 'pending' AND q.due_at <= now()
                  AND (q.leased_until IS NULL OR q.leased_until < now())
                ORDER BY q.priority, q.due_at
                LIMIT CASE WHEN w.failing_since IS NULL THEN 4 ELSE 1 END
                  FOR UPDATE SKIP LOCKED) o
         WHERE w.state = 'active' AND w.webhook_id <> ALL ($3::uuid[])
         ORDER BY o.priority, o.due_at LIMIT $1)
    UPDATE outbox o
       SET leased_until = now() + make_interval(secs => $2), attempts = o.attempts + 1
      FROM due
     WHERE o.trader_id = due.trader_id AND o.message_id = due.message_id
    RETURNING o.trader_id, o.message_id, due.platform_id, due.webhook_id, due.url,
              o.subject ->> 'event' AS event, o.attempts, o.failures, o.expires_at
"""

_FINISH = """
    UPDATE outbox SET state = $3, last_error = $4, finished_at = clock_timestamp(),
                      leased_until = NULL
     WHERE trader_id = $1 AND message_id = $2 AND state = 'pending'
"""

# As with doorbells, `attempts` tells whether the row is still ours.
_RETRY = """
    UPDATE outbox SET due_at = $3, last_error = $4, failures = failures + $5, leased_until = NULL
     WHERE trader_id = $1 AND message_id = $2 AND state = 'pending' AND attempts = $6
"""

_SWEEP = """
    UPDATE outbox o
       SET state = CASE WHEN o.expires_at <= now() THEN 'expired' ELSE 'dead' END,
           last_error = coalesce(o.last_error, w.state), finished_at = clock_timestamp(),
           leased_until = NULL
      FROM webhook w
     WHERE w.webhook_id = o.target_id AND o.channel = 'webhook' AND o.state = 'pending'
       AND (o.leased_until IS NULL OR o.leased_until < now())
       AND (o.expires_at <= now() OR w.state IN ('disabled', 'deleted'))
    RETURNING o.message_id, o.trader_id, w.webhook_id, o.state
"""


async def lease(tx: Tx, limit: int, seconds: float, *, busy: Collection[UUID]) -> list[Outgoing]:
    """Take up to `limit` due messages for `seconds`, none for webhooks that are `busy`."""
    rows = await tx.fetch(_LEASE, limit, seconds, list(busy))
    return [msgspec.convert(dict(row), Outgoing) for row in rows]


async def finish(tx: Tx, message: Outgoing, state: str, error: str | None) -> None:
    """Give a message its final state: sent, expired or dead."""
    await tx.execute(_FINISH, message.trader_id, message.message_id, state, error)


async def retry(tx: Tx, message: Outgoing, due_at: datetime, error: str, *, blamed: bool) -> None:
    """Give a message back until `due_at`; `blamed` counts a failure of the receiver."""
    await tx.execute(
        _RETRY,
        message.trader_id,
        message.message_id,
        due_at,
        error,
        int(blamed),
        message.attempts,
    )


async def mark_failing(tx: Tx, message: Outgoing, since: datetime | None) -> None:
    """Since when attempts fail; None after one that did not."""
    await tx.execute(
        "UPDATE webhook SET failing_since = CASE WHEN $3::timestamptz IS NULL THEN NULL"
        " ELSE coalesce(failing_since, $3) END"
        " WHERE platform_id = $1 AND webhook_id = $2"
        " AND (failing_since IS NULL) <> ($3::timestamptz IS NULL)",
        message.platform_id,
        message.webhook_id,
        since,
    )


async def disable(tx: Tx, message: Outgoing, reason: str) -> bool:
    """End the webhook with its entry in the log; False if it was over already."""
    disabled: bool = await tx.fetchval(
        "SELECT disable_webhook($1, $2, $3)", message.platform_id, message.webhook_id, reason
    )
    return disabled


async def sweep(tx: Tx) -> list[tuple[UUID, UUID, str]]:
    """End what nobody will send any more; (message, webhook, state) of each."""
    rows = await tx.fetch(_SWEEP)
    return [(row["message_id"], row["webhook_id"], row["state"]) for row in rows]
