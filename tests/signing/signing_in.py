"""A browser that signs in: an attempt of its own key, and the code typed into it."""

from uuid import UUID

from app.core.origin import Origin
from app.requesting.sign_ins import SignInView
from app.verbs.wire import Decide
from tests.core.keys import P256
from tests.signing.trader import Trader

ADDRESS, AGENT = "198.51.100.7", "Mozilla/5.0"


class Browser:
    def __init__(self, trader: Trader) -> None:
        self.trader, self.key = trader, P256()

    @property
    def origin(self) -> Origin:
        return Origin(actor=f"session:{self.key.jkt}", address=ADDRESS, user_agent=AGENT)

    async def begin(self) -> SignInView:
        return await self.trader.signer.sign_ins.begin(
            self.trader.trader_id, self.key.jkt, self.origin
        )

    def prove(self, approval_id: UUID, code: str | None = None) -> Decide:
        """The code alone: the browser's half."""
        return Decide(
            trader_id=self.trader.trader_id,
            approval_id=approval_id,
            statement=None,
            code=self.trader.code() if code is None else code,
            origin=self.origin,
        )

    async def conclude(self, session_id: UUID) -> SignInView:
        return await self.trader.signer.sign_ins.conclude(
            self.trader.trader_id, session_id, self.key.jkt, self.origin
        )
