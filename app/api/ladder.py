"""/v1/tokens/{id}/state: the ladder, down with one factor and up with an approval."""

from uuid import UUID

from litestar import Controller, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from app.accesslog.models import Event
from app.api import shapes_ladder as shapes
from app.api.cord import RECEIPT_HEADER
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.core.token import TokenKind
from app.guardrails.rungs import ALLOWED, Rung, Verb, check_rung, ladder_markdown
from app.tokens import fences, store
from app.tokens.errors import TokenNotFound
from app.tokens.models import Level

_RUNGS = tuple(Rung)

_DOWN = f"""
Tighten a node and everything beneath it, at once. One factor: the device's own key. Severity only
grows; a milder rung than the one you imposed yourself is refused (`loosening_needs_approval`).
`revoked` also answers with a receipt, as DELETE of the token does.

What each rung still lets happen:

{ladder_markdown()}
"""

_UP = """
Ask to lift your own containment of this very node, by one step to `state`. It happens when the
approval is given, and only if the fence is then as it was shown and nobody pulled since. What an
operator or a monitor imposed stays. A frozen device may ask for itself and for its root.
"""


class LadderController(Controller):
    path = "/v1/tokens/{token_id:uuid}/state"
    tags = ("the ladder",)

    @get()
    async def read(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> shapes.StateView:
        """The effective rung of a node, and who holds it there, since when and why."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            node = await store.get(tx, principal.trader, token_id)
            if node is None:
                raise TokenNotFound
            found = await fences.on_path(tx, principal.trader, node.path)
        await services.edge.log(principal, Event.TOKEN_STATE_READ, subject_id=token_id)
        rung = _RUNGS[max((fence.level for fence in found), default=Level.ACTIVE)]
        return shapes.StateView(
            token_id=token_id,
            state=rung.value,
            allowed=[verb.value for verb in Verb if verb in ALLOWED[rung]],
            fences=[
                shapes.FenceView(
                    token_id=fence.token_id,
                    imposed_by=fence.imposed_by,
                    state=_RUNGS[fence.level].value,
                    reason=fence.reason,
                    imposed_at=fence.imposed_at,
                    position=fence.log_position,
                )
                for fence in found
            ],
        )

    @patch(description=_DOWN, status_code=200)
    async def tighten(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        data: JSONBody[shapes.ChangeState],
        services: NamedDependency[Services],
    ) -> Response[shapes.StateChanged]:
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        if data.state == Rung.REVOKED.value:
            return await _revoke(services, principal, token_id, data.reason)
        imposed = await services.revocations.tighten(
            principal.trader,
            token_id,
            level=Level[data.state.upper()],
            reason=data.reason,
            origin=principal.origin,
        )
        return Response(
            shapes.StateChanged(
                token_id=token_id,
                state=_RUNGS[imposed.effective].value,
                position=imposed.log_position,
                imposed_at=imposed.imposed_at,
            )
        )

    @post("/lift", description=_UP, status_code=202)
    async def ask_lift(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        data: JSONBody[shapes.AskLift],
        services: NamedDependency[Services],
    ) -> shapes.LiftAsked:
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.LIFT)
        if token_id not in principal.path:
            # What is not its own cage, a frozen device has no say in.
            check_rung(_RUNGS[principal.level], Verb.APPROVE, node_id=principal.token_id)
        to = Level[data.state.upper()]
        approval, step = await services.lift_requests.request(
            principal.trader, token_id, to=to, origin=principal.origin
        )
        return shapes.LiftAsked(
            approval_id=approval.approval_id,
            token_id=token_id,
            from_state=step.from_state,
            to_state=step.to_state,
            expires_at=approval.expires_at,
        )


async def _revoke(
    services: Services, principal: Principal, token_id: UUID, reason: str
) -> Response[shapes.StateChanged]:
    receipt = await services.revocations.revoke(
        principal.trader, token_id, reason=reason, origin=principal.origin
    )
    return Response(
        shapes.StateChanged(
            token_id=token_id,
            state="revoked",
            position=receipt.position,
            imposed_at=receipt.revoked_at,
            revocation_id=receipt.revocation_id,
        ),
        headers={RECEIPT_HEADER: receipt.capability.reveal()},
    )
