"""SQL of the CIBA room."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from app.ciba.models import INTERVAL_SECONDS, CibaRequest, Ping
from app.core.secret import Secret
from app.core.token import Token
from app.db.pool import Tx

EARLY_SECONDS = 0.5
"""How much sooner than its interval a poll may come: networks are not even."""

# The row is locked before it is read: of two polls at once, one was too fast.
_PACE = """
    WITH before AS MATERIALIZED (
        SELECT interval_seconds,
               coalesce(polled_at > $3::timestamptz
                                    - make_interval(secs => interval_seconds - $4::float8),
                        false) AS too_fast
          FROM ciba_request WHERE trader_id = $1 AND approval_id = $2 FOR UPDATE)
    UPDATE ciba_request r
       SET polled_at = $3,
           interval_seconds = CASE WHEN b.too_fast THEN least(b.interval_seconds + $5::int, 600)
                                   ELSE b.interval_seconds END
      FROM before b
     WHERE r.trader_id = $1 AND r.approval_id = $2
    RETURNING b.too_fast
"""

# Not per trader on purpose: the dispatcher serves all. `$3` are platforms with enough under way:
# an endpoint that hangs takes few slots.
_LEASE = """
    WITH due AS MATERIALIZED (
        SELECT trader_id, message_id FROM outbox
         WHERE channel = 'ping' AND state = 'pending' AND due_at <= now()
           AND (leased_until IS NULL OR leased_until < now())
           AND (subject ->> 'platform_id')::uuid <> ALL ($3::uuid[])
         ORDER BY due_at LIMIT $1
           FOR UPDATE SKIP LOCKED),
    leased AS (
        UPDATE outbox o
           SET leased_until = now() + make_interval(secs => $2), attempts = o.attempts + 1
          FROM due
         WHERE o.trader_id = due.trader_id AND o.message_id = due.message_id
        RETURNING o.trader_id, o.message_id, o.rid, o.attempts, o.failures)
    SELECT l.trader_id, l.message_id, p.approval_id, p.platform_id, p.auth_req_id,
           p.notification_token, l.attempts, l.failures, p.expires_at,
           CASE WHEN f.disabled_at IS NULL THEN f.ciba_endpoint END AS endpoint
      FROM leased l
      JOIN ciba_ping p ON p.trader_id = l.trader_id AND p.approval_id = l.rid
      JOIN platform f ON f.platform_id = p.platform_id
"""

_FINISH = """
    UPDATE outbox SET state = $3, last_error = $4, finished_at = clock_timestamp(),
                      leased_until = NULL
     WHERE trader_id = $1 AND message_id = $2 AND state = 'pending'
"""

# As with doorbells, `attempts` tells whether the row is still ours.
_RETRY = """
    UPDATE outbox SET due_at = $3, last_error = $4, failures = failures + 1, leased_until = NULL
     WHERE trader_id = $1 AND message_id = $2 AND state = 'pending' AND attempts = $5
"""

# What nobody decided, or nobody could be told of in time: nothing of it is kept.
_SWEEP_MESSAGES = """
    UPDATE outbox SET state = 'expired', finished_at = clock_timestamp(), leased_until = NULL
     WHERE channel = 'ping' AND state = 'pending' AND expires_at <= now()
       AND (leased_until IS NULL OR leased_until < now())
"""
_SWEEP_SECRETS = "DELETE FROM ciba_ping WHERE expires_at <= now() - interval '1 minute'"


async def insert(tx: Tx, request: Token, platform_id: UUID) -> None:
    """Keep a request by the hash of its `auth_req_id`."""
    await tx.execute(
        "INSERT INTO ciba_request"
        " (trader_id, approval_id, platform_id, auth_req_hash, interval_seconds)"
        " VALUES ($1, $2, $3, $4, $5)",
        request.trader_id,
        request.token_id,
        platform_id,
        request.secret_hash(),
        INTERVAL_SECONDS,
    )


async def insert_ping(
    tx: Tx, request: Token, platform_id: UUID, notification_token: Secret, expires_at: datetime
) -> None:
    """What the dispatcher needs to ping once somebody decided."""
    await tx.execute(
        "INSERT INTO ciba_ping (trader_id, approval_id, platform_id, auth_req_id,"
        " notification_token, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        request.trader_id,
        request.token_id,
        platform_id,
        request.reveal(),
        notification_token.reveal().decode(),
        expires_at,
    )


async def get(tx: Tx, trader_id: UUID, approval_id: UUID) -> CibaRequest | None:
    row = await tx.fetchrow(
        "SELECT trader_id, approval_id, platform_id, auth_req_hash FROM ciba_request"
        " WHERE trader_id = $1 AND approval_id = $2",
        trader_id,
        approval_id,
    )
    return None if row is None else msgspec.convert(dict(row), CibaRequest)


async def is_too_fast(tx: Tx, trader_id: UUID, approval_id: UUID, now: datetime) -> bool:
    """Note a poll; True where it came before its interval was over, which is longer from then."""
    return bool(
        await tx.fetchval(_PACE, trader_id, approval_id, now, EARLY_SECONDS, INTERVAL_SECONDS)
    )


async def lease(tx: Tx, limit: int, seconds: float, *, busy: Collection[UUID]) -> list[Ping]:
    """Take up to `limit` due pings for `seconds`, none for platforms that are `busy`."""
    rows = await tx.fetch(_LEASE, limit, seconds, list(busy))
    return [_ping(dict(row)) for row in rows]


async def finish(tx: Tx, ping: Ping, state: str, error: str | None) -> None:
    """Give a ping its final state and forget what was in clear for it."""
    await tx.execute(_FINISH, ping.trader_id, ping.message_id, state, error)
    await tx.execute(
        "DELETE FROM ciba_ping WHERE trader_id = $1 AND approval_id = $2",
        ping.trader_id,
        ping.approval_id,
    )


async def retry(tx: Tx, ping: Ping, due_at: datetime, error: str) -> None:
    await tx.execute(_RETRY, ping.trader_id, ping.message_id, due_at, error, ping.attempts)


async def sweep(tx: Tx) -> None:
    await tx.execute(_SWEEP_MESSAGES)
    await tx.execute(_SWEEP_SECRETS)


def _ping(row: dict[str, object]) -> Ping:
    secrets = {
        name: Secret(str(row.pop(name)).encode()) for name in ("auth_req_id", "notification_token")
    }
    return Ping(**row, **secrets)  # type: ignore[arg-type]
