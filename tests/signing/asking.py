"""A platform of a trader's that asks for what it will do itself, as the api does for it."""

import json
from typing import Any
from uuid import UUID

from app.core.origin import Origin
from app.platforms.models import Platform
from app.requesting.claiming import Claim
from app.requesting.external import ExternalRequest, ExternalRequests
from app.verbs.wire import SignRedemption
from tests.signing.trader import Trader

PAYMENT: dict[str, Any] = {
    "type": "trade.external",
    "kind": "payment",
    "reference": "inv-77",
    "description": "Pay for June",
    "recipient": "DE02120300000000202051",
    "amount": {"amount": "120.50", "quote": "EUR"},
}


class Asking:
    """One platform of the trader's, asking as the api does."""

    def __init__(self, trader: Trader, platform: Platform) -> None:
        self.trader, self.platform = trader, platform
        self.requests = ExternalRequests(trader.signer.api, trader.signer.clock)

    @property
    def origin(self) -> Origin:
        return Origin(actor=f"platform:{self.platform.platform_id}")

    async def ask(self, claim: Claim | None = None, **changes: Any) -> UUID:
        asked = await self.requests.request(
            ExternalRequest(
                trader_id=self.trader.trader_id, details=PAYMENT | changes, claim=claim
            ),
            self.platform,
            self.origin,
        )
        return asked.approval_id

    def redemption(self, approval_id: UUID, platform_id: UUID | None = None) -> SignRedemption:
        named = platform_id or self.platform.platform_id
        return SignRedemption(
            template="redemption", trader_id=self.trader.trader_id, approval_id=approval_id,
            platform_id=named, origin=Origin(actor=f"platform:{named}"),
        )  # fmt: skip

    async def redeem(self, approval_id: UUID, platform_id: UUID | None = None) -> str:
        signed = await self.trader.signer.ask(self.redemption(approval_id, platform_id))
        return str(signed.token)

    async def state(self, approval_id: UUID) -> str:
        return str(
            await self.trader.signer.admin.fetchval(
                "SELECT state FROM approval WHERE approval_id = $1", approval_id
            )
        )


async def asking_for(trader: Trader) -> Asking:
    """The platform that created this trader."""
    platform_id, name, jwks, created_at = await trader.signer.admin.fetchrow(
        "SELECT p.platform_id, p.name, p.jwks, p.created_at FROM platform p JOIN trader t"
        " USING (platform_id) WHERE t.trader_id = $1",
        trader.trader_id,
    )
    return Asking(
        trader,
        Platform(
            platform_id=platform_id, name=name, jwks=json.loads(jwks), created_at=created_at,
            disabled_at=None,
        ),
    )  # fmt: skip
