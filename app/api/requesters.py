"""/v1/approvals/{id}/number, /code: what a requester shows of its approval, and is told of it."""

from uuid import UUID

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from app.api import shapes, shapes_codes
from app.api.carrying import carry_out
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.api.traders import trader_of
from app.approvals import store
from app.approvals.errors import ApprovalNotPending
from app.approvals.models import ApprovalState
from app.core.errors import Malformed
from app.core.origin import Origin
from app.core.token import TokenKind
from app.guardrails.rungs import Verb
from app.tokens.errors import TokenNotFound
from app.verbs import wire
from app.verbs.errors import RefusedByPeer

NO_STORE = {"Cache-Control": "no-store"}


class RequesterController(Controller):
    path = "/v1/approvals/{approval_id:uuid}"
    tags = ("approvals",)

    @post("/number", status_code=200)
    async def number(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        data: JSONBody[shapes_codes.AskNumber],
        services: NamedDependency[Services],
    ) -> Response[shapes_codes.CodeShown]:
        """Four digits to show beside your request: the person types them on the phone, which
        approves by `device_number`. Only for who asked for the approval; one wrong number ends it.
        Asked again it is the same number.
        """
        trader_id, principal = await _requester(request, data.trader_id, services)
        return await show_number(services, request, approval_id, trader_id, principal.origin)

    @post("/code", status_code=200)
    async def code(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        data: JSONBody[shapes_codes.TypedCode],
        services: NamedDependency[Services],
    ) -> shapes.Decided:
        """The eight digits that the phone showed when its person said yes (`push_otp`). They decide
        the approval, which is then carried out at once. Five attempts; the fifth wrong one ends it.

        Sent again after a lost reply, it carries out what is approved and was not yet.
        """
        trader_id, principal = await _requester(request, data.trader_id, services)
        try:
            decided: wire.Decided = await services.ask_signer(
                request,
                wire.Decide(
                    trader_id=trader_id,
                    approval_id=approval_id,
                    statement=None,
                    code=data.code,
                    origin=principal.origin,
                ),
            )
        except RefusedByPeer as refused:
            decided = await _decided_before(services, principal, trader_id, approval_id, refused)
        outcome = None
        if decided.state == ApprovalState.APPROVED:
            outcome = await carry_out(services, request, trader_id, principal.origin, decided)
        return shapes.Decided(approval_id=approval_id, state=decided.state, outcome=outcome)


async def show_number(
    services: Services, request: AnyRequest, approval_id: UUID, trader_id: UUID, origin: Origin
) -> Response[shapes_codes.CodeShown]:
    """The number of an approval, for `origin.actor`, who must have asked for it."""
    shown: wire.RevealedCode = await services.ask_signer(
        request,
        wire.RevealCode(
            trader_id=trader_id, approval_id=approval_id, statement=None, origin=origin
        ),
    )
    return Response(
        shapes_codes.CodeShown(code=shown.code, expires_at=shown.expires_at), headers=NO_STORE
    )


async def _requester(
    request: AnyRequest, trader_id: UUID | None, services: Services
) -> tuple[UUID, Principal]:
    """Who may have asked for an approval from a screen of their own: a platform or a bot.

    That this very one did, the signer checks.
    """
    principal = await services.edge.requester(request, verb=Verb.READ)
    if principal.kind is TokenKind.CLIENT:
        if trader_id is None:
            raise Malformed(rule="trader_id")
        await trader_of(services, principal, trader_id)
        return trader_id, principal
    if trader_id not in {None, principal.trader}:
        raise TokenNotFound
    principal.require("approvals.read")
    return principal.trader, principal


async def _decided_before(
    services: Services,
    principal: Principal,
    trader_id: UUID,
    approval_id: UUID,
    refused: RefusedByPeer,
) -> wire.Decided:
    """The requester's own approval, where it is approved and waits to be carried out."""
    if refused.code == ApprovalNotPending.code:
        async with services.db.session() as tx:
            approval = await store.get(tx, trader_id, approval_id)
            decision = await store.get_decision(tx, trader_id, approval_id)
        if (
            approval is not None
            and approval.state is ApprovalState.APPROVED
            and approval.requester == principal.origin.actor
            and decision is not None
            and decision.method == "push_otp"
        ):
            return wire.Decided(
                approval_id=approval_id,
                action_type=approval.action_type,
                subject_id=approval.subject_id,
                state=approval.state,
            )
    raise refused
