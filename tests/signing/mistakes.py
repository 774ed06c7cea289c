"""The mistake that the fence protocol is there against, to see that tests catch it."""

from typing import Any

TAKES_THE_LOCK = "PERFORM lock_trader(p_trader);"
READS_FENCES = "level := effective_level(p_trader, a_grant.path);"
MERGED = (
    "SELECT effective_level(p_trader, a_grant.path) INTO level FROM trader t"
    " WHERE t.trader_id = p_trader FOR NO KEY UPDATE OF t;"
)


async def merged(admin: Any) -> None:
    """Replace `begin_signing` by the mistake: fences read in the statement that takes the lock."""
    source = await admin.fetchval("SELECT pg_get_functiondef('begin_signing'::regproc)")
    assert source.count(TAKES_THE_LOCK) == 1
    assert source.count(READS_FENCES) == 1
    await admin.execute(source.replace(TAKES_THE_LOCK, "").replace(READS_FENCES, MERGED))
