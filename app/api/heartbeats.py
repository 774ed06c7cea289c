"""/v1/devices/heartbeat: a tap that says that the phone is in its owner's hand."""

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.api import shapes_ladder as shapes
from app.api.edge import AnyRequest
from app.api.services import Services
from app.core.token import TokenKind
from app.guardrails.rungs import Verb
from app.verbs import wire


class HeartbeatController(Controller):
    path = "/v1/devices/heartbeat"
    tags = ("devices",)

    @post(status_code=200)
    async def show(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewHeartbeat],
        services: NamedDependency[Services],
    ) -> shapes.HeartbeatSeen:
        """Relay the device's signed heartbeat. Grants with a lease count their hours from it."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.HEARTBEAT)
        sealed: wire.SealedChange = await services.ask_signer(
            request,
            wire.SealChange(
                trader_id=principal.trader,
                origin=principal.origin,
                statement=data.statement,
            ),
        )
        return shapes.HeartbeatSeen(device_id=sealed.subject_id, seen_at=sealed.state)
