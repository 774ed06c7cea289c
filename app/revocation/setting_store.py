"""SQL of what a trader chose for the day of the cord."""

from uuid import UUID

from app.db.pool import Tx
from app.revocation.models import Settings
from app.tokens.models import CleanUpMode

_SET = """
    INSERT INTO trader_setting (trader_id, cleanup_mode) VALUES ($1, $2)
    ON CONFLICT (trader_id)
    DO UPDATE SET cleanup_mode = excluded.cleanup_mode, updated_at = clock_timestamp()
"""


async def get(tx: Tx, trader_id: UUID) -> Settings:
    """What a trader chose, or the defaults."""
    mode: CleanUpMode | None = await tx.fetchval(
        "SELECT cleanup_mode FROM trader_setting WHERE trader_id = $1", trader_id
    )
    return Settings(cleanup_mode=mode or "cancel_entries")


async def put(tx: Tx, trader_id: UUID, settings: Settings) -> None:
    await tx.execute(_SET, trader_id, settings.cleanup_mode)
