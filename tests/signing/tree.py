"""Grants beneath grants, narrowings and address changes: asked, signed, approved."""

from typing import Any
from uuid import UUID

from app.approvals.actions import Amount, BotGrant, read_action
from app.core.ids import new_id
from app.core.origin import Origin
from app.platforms import store as platforms
from app.requesting.grants import GrantRequest, RequestedGrant
from app.requesting.nodes import NodeRequests, PlatformTokenRequest, RequestedToken
from app.verbs.wire import SealChange, SealedChange
from tests.core.keys import P256, Ed25519, jws
from tests.signing.bot import Bot, now
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader


def usdt(amount: str) -> Amount:
    return Amount(amount=amount, quote="USDT")


async def request_under(
    trader: Trader, parent_id: UUID, *, by: UUID | None = None, **limits: Any
) -> tuple[RequestedGrant, Bot]:
    """Ask for a grant; by a bot where `by` is its grant. What `limits` leave out is inherited."""
    model = Ed25519()
    actor = "platform:x" if by is None else f"grant:{by}"
    requested = await trader.signer.grants.request(
        GrantRequest(
            trader_id=trader.trader_id, parent_id=parent_id, public_jwk=model.jwk,
            model_name="sub", model_digest="sha256:1", model_version="1", under_grant_id=by,
            **limits,
        ),
        requested_by=actor, origin=Origin(actor=actor),
    )  # fmt: skip
    return requested, Bot(trader, requested.bearer.token_id, model)


async def grant_under(trader: Trader, parent_id: UUID, **limits: Any) -> Bot:
    requested, bot = await request_under(trader, parent_id, **limits)
    await trader.approve_and_seal(requested.approval_id)
    return bot


def narrow_request(
    trader: Trader, token_id: UUID, version: int, *, device: P256 | None = None,
    claims: dict[str, Any] | None = None, **limits: Any,
) -> SealChange:  # fmt: skip
    """What a phone signs to leave less for one node."""
    said = {
        "domain": "tripcord/narrow/v1", "trader_id": str(trader.trader_id),
        "device_id": str(trader.bound.device_id), "token_id": str(token_id), "version": version,
        "limits": limits, "iat": now(),
    } | (claims or {})  # fmt: skip
    return SealChange(
        trader_id=trader.trader_id, origin=trader.origin,
        statement=jws(device or trader.device, DEVICE_TYP, said),
    )  # fmt: skip


async def narrow(trader: Trader, token_id: UUID, version: int = 1, **limits: Any) -> SealedChange:
    sealed: SealedChange = await trader.signer.ask(
        narrow_request(trader, token_id, version, **limits)
    )
    return sealed


async def limits_in_row(trader: Trader, grant_id: UUID) -> BotGrant:
    raw = await trader.signer.admin.fetchval(
        "SELECT limits FROM bot_grant WHERE trader_id = $1 AND grant_id = $2",
        *(trader.trader_id, grant_id),
    )
    return read_action(raw, BotGrant)


def requests_of(trader: Trader) -> NodeRequests:
    return NodeRequests(trader.signer.api, trader.signer.clock)


async def request_platform_token(
    trader: Trader, key: P256 | None = None, **changes: Any
) -> RequestedToken:
    async with trader.signer.api.session() as tx:
        platform_id = await tx.fetchval(
            "SELECT platform_id FROM trader WHERE trader_id = $1", trader.trader_id
        )
        platform = await platforms.get(tx, platform_id)
    assert platform is not None
    fields: dict[str, Any] = {
        "trader_id": trader.trader_id, "parent_id": None, "public_jwk": (key or P256()).jwk,
        "label": "reports", "scope": ["tree.read"], "ip_networks": None, "expires_at": None,
    } | changes  # fmt: skip
    return await requests_of(trader).platform_token(
        PlatformTokenRequest(**fields), platform, Origin(actor=f"platform:{platform_id}")
    )


def an_id() -> UUID:
    return new_id()
