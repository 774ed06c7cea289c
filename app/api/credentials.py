"""/v1/exchange-credentials: link a venue key. Nobody can read a secret back."""

from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accesslog.models import Event
from app.api import shapes
from app.api.devices import envelope_of
from app.api.edge import AnyRequest
from app.api.services import Services
from app.api.traders import trader_of
from app.core.encoding import b64url_decode
from app.core.token import TokenKind
from app.credentials import store
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential
from app.verbs import wire


class CredentialController(Controller):
    path = "/v1/exchange-credentials"
    tags = ("exchange credentials",)

    @post(status_code=202)
    async def link(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewCredential],
        services: NamedDependency[Services],
    ) -> shapes.CredentialImported:
        """Import a sealed secret; read-back at the venue follows, then the approval."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        imported: wire.ImportedCredential = await services.ask_signer(
            request,
            wire.ImportSecret(
                trader_id=principal.trader,
                device_id=principal.token_id,
                statement=data.statement,
                envelope=envelope_of(data.envelope),
                algorithm=data.algorithm,
                proof=b64url_decode(data.proof),
                origin=principal.origin,
            ),
        )
        return shapes.CredentialImported(credential_id=imported.credential_id, state=imported.state)

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> shapes.Page:
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await store.list_all(tx, principal.trader)
        await services.edge.log(principal, Event.CREDENTIAL_READ)
        return shapes.Page(items=[_view(credential) for credential in found])

    @get("/{credential_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        credential_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> shapes.CredentialView:
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await store.get(tx, principal.trader, credential_id)
        if found is None:
            raise CredentialNotFound
        await services.edge.log(principal, Event.CREDENTIAL_READ, subject_id=credential_id)
        return _view(found)


class PlatformCredentialController(Controller):
    path = "/v1/traders/{trader_id:uuid}/exchange-credentials"
    tags = ("exchange credentials",)

    @get()
    async def list_all(
        self,
        request: AnyRequest,
        trader_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> shapes.Page:
        """What a platform may know of its trader's keys: which there are, and their state."""
        client = await services.edge.client(request)
        await trader_of(services, client, trader_id)
        async with services.db.session() as tx:
            found = await store.list_all(tx, trader_id)
        await services.edge.log(client, Event.CREDENTIAL_READ, trader_id=trader_id)
        return shapes.Page(items=[_view(credential) for credential in found])


def _view(credential: Credential) -> shapes.CredentialView:
    return shapes.CredentialView(
        credential_id=credential.credential_id,
        venue=credential.venue_id,
        api_key_id=credential.api_key_id,
        label=credential.label,
        state=credential.state,
        refused_reason=credential.refused_reason,
        permissions=credential.permissions,
        approval_id=credential.approval_id,
    )
