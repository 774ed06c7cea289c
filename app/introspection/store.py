"""SQL of introspection: one call, whose commit is the log entries' as well."""

from collections.abc import Sequence
from uuid import UUID

from app.db.pool import Tx
from app.introspection.models import Found, Question

_BATCH = """
    SELECT is_known, kind, jkt, scope, path, issued_at, expires_at, level, limits, method
      FROM introspect_batch($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def introspect(tx: Tx, chain: UUID, questions: Sequence[Question]) -> list[Found]:
    """An answer per question, in their order, each logged on the writer's `chain`.

    `tx` is a session: the statement is its own transaction, and committed when this returns.
    """
    rows = await tx.fetch(
        _BATCH,
        chain,
        [q.caller.trader_id for q in questions],  # a client's token carries the platform's id
        [q.caller.token_id for q in questions],
        [q.caller.secret_hash() for q in questions],
        [q.about and q.about.trader_id for q in questions],
        [q.about and q.about.token_id for q in questions],
        [q.about and q.about.secret_hash() for q in questions],
        [q.origin.address for q in questions],
        [q.origin.user_agent for q in questions],
    )
    return [
        Found(
            is_known=row["is_known"],
            kind=row["kind"],
            jkt=row["jkt"],
            scope=row["scope"],
            path=row["path"],
            issued_at=row["issued_at"],
            expires_at=row["expires_at"],
            level=row["level"],
            limits=row["limits"],
            method=row["method"],
        )
        for row in rows
    ]
