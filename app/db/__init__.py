"""PostgreSQL: connections, transactions and the per-trader lock.

Protects: the fence protocol. Every transaction that signs, mints, widens, approves, redeems,
rotates or enrols enters through `Database.locked` or `Database.signing`.
Invariants: the lock is a statement of its own at READ COMMITTED; at most four wait for it per
trader and process; a failed or unclear commit raises, so its effect is never used.
May never import: any room but core. Nothing else imports asyncpg.
"""
