"""Pull the cord."""

from uuid import UUID

from app.core import token
from app.core.clock import Clock
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.revocation import store
from app.revocation.errors import CardRejected, ReceiptRejected
from app.revocation.held import once_more
from app.revocation.models import Receipt
from app.tokens import fences
from app.tokens import store as tokens
from app.tokens.errors import LooseningNeedsApproval
from app.tokens.models import CleanUpMode, Imposed, Level, Revocation


class RevocationService:
    """`db` is the reserved role's: two held connections that no other work can take."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def revoke(
        self,
        trader_id: UUID,
        token_id: UUID,
        *,
        reason: str,
        origin: Origin,
        mode: CleanUpMode | None = None,
    ) -> Receipt:
        """Revoke a node and all beneath it; when this returns, nothing under it signs.

        Without a `mode` clean-up does what the trader's setting says.

        Raises
        ------
        TokenNotFound
            No such node in this trader's tree.
        DatabaseUnavailable
            Not revoked: a revoke is never acknowledged unlogged.
        """
        # One statement is one transaction: two round trips less than with BEGIN and COMMIT.
        return await once_more(
            self._db.session,
            lambda tx: cut(tx, trader_id, token_id, reason=reason, origin=origin, mode=mode),
        )

    async def tighten(
        self, trader_id: UUID, token_id: UUID, *, level: Level, reason: str, origin: Origin
    ) -> Imposed:
        """Go down the ladder, on the held connections as a revoke does. One factor is enough.

        Raises
        ------
        LooseningNeedsApproval
            Milder than what the trader imposed on this very node: that is the way up.
        TokenNotFound
            No such node in this trader's tree.
        """
        async with self._db.transaction() as tx:
            # Outside the lock, and that is enough: whatever came since, severity only grows.
            if level is Level.ACTIVE or level < await fences.own_level(tx, trader_id, token_id):
                raise LooseningNeedsApproval
            return await tokens.tighten(
                tx,
                trader_id=trader_id,
                token_id=token_id,
                level=level,
                reason=reason,
                origin=origin,
            )

    async def redeem_card(self, text: str, origin: Origin) -> Receipt:
        """Revoke the root by a revocation card; it can do nothing else.

        Raises
        ------
        CardRejected
            No such card.
        """
        card = token.parse(text, token.TokenKind.CARD)
        found = await once_more(
            self._db.session,
            lambda tx: tokens.find_card(tx, card.trader_id, card.token_id, card.secret_hash()),
        )
        if found is None:
            raise CardRejected
        return await self.revoke(
            found.trader_id, found.root_id, reason="revocation card", origin=origin
        )

    async def by_receipt(self, tx: Tx, text: str, revocation_id: UUID | None = None) -> Revocation:
        """The revocation a receipt's capability shows, or raise ReceiptRejected.

        Reading waits for an ordinary connection: the held ones are for pulling alone.
        """
        try:
            capability = token.parse(text, token.TokenKind.RECEIPT)
        except token.TokenMalformed:
            raise ReceiptRejected from None
        found = await store.find_by_receipt(
            tx, capability.trader_id, capability.token_id, capability.secret_hash()
        )
        if (
            found is None
            or found.receipt_expires_at <= self._clock.now()
            or (revocation_id is not None and found.revocation_id != revocation_id)
        ):
            raise ReceiptRejected
        return found


async def cut(
    tx: Tx,
    trader_id: UUID,
    token_id: UUID,
    *,
    reason: str,
    origin: Origin,
    mode: CleanUpMode | None = None,
) -> Receipt:
    """Put the fence in the caller's transaction: it holds when that has committed."""
    capability = token.mint(token.TokenKind.RECEIPT, trader_id, new_id())
    imposed = await tokens.tighten(
        tx,
        trader_id=trader_id,
        token_id=token_id,
        level=Level.REVOKED,
        reason=reason,
        origin=origin,
        revocation_id=capability.token_id,
        receipt_hash=capability.secret_hash(),
        mode=mode,
    )
    return Receipt(
        trader_id=trader_id,
        revocation_id=capability.token_id,
        token_id=token_id,
        position=imposed.log_position,
        revoked_at=imposed.imposed_at,
        cleanup_deadline_at=imposed.cleanup_deadline_at,
        capability=capability,
    )
