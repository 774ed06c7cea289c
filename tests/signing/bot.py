"""A bot: a model key, a grant, and orders signed with the one under the other."""

import time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from app.core.origin import Origin
from app.verbs.wire import Decide, OrderOutcome, RevealCode, RevealedCode, SignOrder
from tests.core.keys import Ed25519, jws

if TYPE_CHECKING:
    from tests.signing.trader import Trader

ORDER_TYP = "tripcord-order+jws"


class Held(NamedTuple):
    """An order that waits for an approval."""

    order_id: UUID
    approval_id: UUID


def now() -> int:
    return int(time.time())


class Bot:
    """A model that signs orders with its own key."""

    def __init__(self, trader: "Trader", grant_id: UUID, model: Ed25519) -> None:
        self.trader, self.grant_id, self.model = trader, grant_id, model
        self.sequence = 0

    def order(
        self, quantity: str = "0.01", price: str = "50000.00", *, model: Ed25519 | None = None,
        intent: dict[str, Any] | None = None, typ: str = ORDER_TYP, **changes: Any,
    ) -> SignOrder:  # fmt: skip
        """A limit buy under the next sequence number; `changes` are of the claims."""
        self.sequence += 1
        claims = {
            "domain": "tripcord/order/v1", "trader_id": str(self.trader.trader_id),
            "grant_id": str(self.grant_id), "sequence": self.sequence, "iat": now(),
            "exp": now() + 20,
            "intent": {
                "kind": "order", "market": "BTCUSDT", "side": "buy", "type": "limit",
                "quantity": quantity, "price": price, "time_in_force": "GTC",
            } if intent is None else intent,
        } | changes  # fmt: skip
        return SignOrder(
            trader_id=self.trader.trader_id, grant_id=self.grant_id,
            order=jws(model or self.model, typ, claims), approval_id=None,
            origin=self.origin,
        )  # fmt: skip

    async def place(self, *arguments: str, **changes: Any) -> OrderOutcome:
        await self.trader.signer.refresh_market()
        outcome: OrderOutcome = await self.trader.signer.ask(self.order(*arguments, **changes))
        return outcome

    async def hold(self, *arguments: str, **changes: Any) -> Held:
        """An order above the free limit, waiting for its approval."""
        await self.trader.forget_prompts()
        outcome = await self.place(*(arguments or ("0.02",)), **changes)
        assert outcome.state == "held"
        assert outcome.approval_id is not None
        return Held(outcome.order_id, outcome.approval_id)

    async def hold_and_approve(self) -> Held:
        held = await self.hold()
        await self.trader.approve(held.approval_id)
        return held

    @property
    def origin(self) -> Origin:
        return Origin(actor=f"grant:{self.grant_id}", address="192.0.2.2")

    def number_request(self, approval_id: UUID) -> RevealCode:
        """What the bot shows beside its order."""
        return RevealCode(
            trader_id=self.trader.trader_id, approval_id=approval_id, statement=None,
            origin=self.origin,
        )  # fmt: skip

    async def number(self, approval_id: UUID) -> str:
        shown: RevealedCode = await self.trader.signer.ask(self.number_request(approval_id))
        return shown.code

    def typed_request(self, approval_id: UUID, code: str) -> Decide:
        """The code that the person typed at the bot's."""
        return Decide(
            trader_id=self.trader.trader_id, approval_id=approval_id, statement=None, code=code,
            origin=self.origin,
        )  # fmt: skip

    def execute(self, approval_id: UUID) -> SignOrder:
        return SignOrder(
            trader_id=self.trader.trader_id, grant_id=None, order=None, approval_id=approval_id,
            origin=self.trader.origin,
        )  # fmt: skip

    async def row(self, order_id: UUID) -> Any:
        return await self.trader.signer.admin.fetchrow(
            "SELECT * FROM bot_order WHERE order_id = $1", order_id
        )

    async def row_of_last(self) -> Any:
        """The order under the newest sequence number."""
        return await self.trader.signer.admin.fetchrow(
            "SELECT * FROM bot_order WHERE grant_id = $1 AND sequence = $2",
            *(self.grant_id, self.sequence),
        )
