"""What becomes of an approval once it is approved."""

from typing import Any
from uuid import UUID

import msgspec

from app.api.edge import AnyRequest
from app.api.services import Services
from app.approvals import store
from app.approvals.actions import read_action
from app.approvals.other_actions import BATCH, Batch
from app.core.origin import Origin
from app.verbs import wire
from app.verbs.errors import RefusedByPeer


async def carry_out(
    services: Services,
    request: AnyRequest,
    trader_id: UUID,
    origin: Origin,
    decided: wire.Decided,
) -> dict[str, Any] | None:
    """Have the signer do what was approved; None where that takes more than the approval."""
    verb: wire.Verb
    if decided.action_type == BATCH:
        return {"actions": await _each(services, request, trader_id, origin, decided)}
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
            | "factor.add"
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


async def _each(
    services: Services, request: AnyRequest, trader_id: UUID, origin: Origin, decided: wire.Decided
) -> list[dict[str, Any]]:
    """Each action of a batch by itself: one that is refused, or done already, stops no other."""
    async with services.db.session() as tx:
        approval = await store.get(tx, trader_id, decided.approval_id)
    if approval is None:
        return []
    outcomes: list[dict[str, Any]] = []
    for leaf in range(len(read_action(approval.action, Batch).actions)):
        verb = wire.SignOrder(
            trader_id=trader_id,
            grant_id=None,
            order=None,
            approval_id=decided.approval_id,
            origin=origin,
            leaf=leaf,
        )
        try:
            outcomes.append(msgspec.to_builtins(await services.ask_signer(request, verb)))
        except RefusedByPeer as refused:
            outcomes.append({"refused": refused.code, "rule": refused.rule})
    return outcomes
