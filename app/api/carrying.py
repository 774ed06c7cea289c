"""What becomes of an approval once it is approved."""

from typing import Any
from uuid import UUID

import msgspec

from app.api.edge import AnyRequest
from app.api.services import Services
from app.core.origin import Origin
from app.verbs import wire


async def carry_out(
    services: Services,
    request: AnyRequest,
    trader_id: UUID,
    origin: Origin,
    decided: wire.Decided,
) -> dict[str, Any] | None:
    """Have the signer do what was approved; None where that takes more than the approval."""
    verb: wire.Verb
    match decided.action_type:
        case "trade.order":
            verb = wire.SignOrder(
                trader_id=trader_id,
                grant_id=None,
                order=None,
                approval_id=decided.approval_id,
                origin=origin,
            )
        case (
            "trade.key_link"
            | "bot.grant"
            | "token.lift"
            | "token.child"
            | "net.ip_change"
            | "factor.remove"
            | "policy.change"
        ):
            verb = wire.SealChange(
                trader_id=trader_id,
                approval_id=decided.approval_id,
                origin=origin,
            )
        case _:
            return None
    outcome: dict[str, Any] = msgspec.to_builtins(await services.ask_signer(request, verb))
    return outcome
