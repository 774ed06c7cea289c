"""/v1/factors/recovery-codes: ten codes on paper, of which only public halves come here."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.accesslog.models import Event
from app.api import shapes_recovery as recovery_shapes
from app.api.edge import AnyRequest
from app.api.services import Services
from app.core.token import TokenKind
from app.recovery import store
from app.verbs import wire


class RecoveryCodeController(Controller):
    path = "/v1/factors/recovery-codes"
    tags = ("factors",)

    @post()
    async def bind(
        self,
        request: AnyRequest,
        data: JSONBody[recovery_shapes.NewRecoveryCodes],
        services: NamedDependency[Services],
    ) -> recovery_shapes.RecoveryCodesBound:
        """Register the public halves of ten codes the device drew; older codes end with it.

        A first set is bound at once. Where there is a factor already it takes an approval: the
        same statement comes again with the approval's id.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE)
        bound: wire.BoundRecoveryCodes = await services.ask_signer(
            request,
            wire.BindRecoveryCodes(
                trader_id=principal.trader,
                device_id=principal.token_id,
                statement=data.statement,
                approval_id=data.approval_id,
                origin=principal.origin,
            ),
        )
        return recovery_shapes.RecoveryCodesBound(
            state=bound.state, codes_left=bound.codes_left, approval_id=bound.approval_id
        )

    @get()
    async def read(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> recovery_shapes.RecoveryCodesView:
        """How many codes are left, and how often somebody tried one that was wrong."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            left = await store.codes_left(tx, principal.trader)
        await services.edge.log(principal, Event.RECOVERY_CODES_READ)
        return recovery_shapes.RecoveryCodesView(
            codes_left=left.codes_left,
            made_at=left.made_at,
            failed_tries=left.failures,
            last_failed_at=left.last_failed_at,
        )
