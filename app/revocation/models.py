"""What a revoke answers."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.core.token import Token


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the fence stands in the trader's log, and the read-only capability that shows it.

    `capability` is revealed once, in a header of the reply.
    """

    trader_id: UUID
    revocation_id: UUID
    token_id: UUID
    position: int
    revoked_at: datetime
    cleanup_deadline_at: datetime
    capability: Token


class CleanUpView(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    venue: str
    state: str
    attempts: int
    market: str | None
    client_order_id: str | None


class SlippedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Released before the revoke, without a venue outcome when it came."""

    order_id: UUID
    client_order_id: str
    market: str | None
    state: str
