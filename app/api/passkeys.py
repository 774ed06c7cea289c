"""/v1/factors/webauthn: passkeys, registered by a device and approved like every other factor."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accesslog.models import Event
from app.api import shapes, shapes_passkeys, shapes_tree
from app.api.edge import FRESH_SIGN_IN, AnyRequest
from app.api.services import Services
from app.core.encoding import b64url
from app.core.token import TokenKind
from app.guardrails.rungs import Verb
from app.verbs import wire
from app.verbs.answers import BoundPasskey, OpenedCeremony
from app.webauthn import store
from app.webauthn.models import Passkey


class PasskeyController(Controller):
    path = "/v1/factors/webauthn"
    tags = ("factors",)

    @post("/options")
    async def options(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_passkeys.NewCeremony],
        services: NamedDependency[Services],
    ) -> shapes_passkeys.Ceremony:
        """Options for a new passkey, with a challenge that is good once and for five minutes."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.ENROL)
        opened: OpenedCeremony = await services.ask_signer(
            request,
            wire.OpenCeremony(
                trader_id=principal.trader,
                purpose="register",
                device_id=principal.token_id,
                jkt=None,
                label=data.label,
                origin=principal.origin,
            ),
        )
        return shapes_passkeys.Ceremony(
            challenge_id=opened.challenge_id,
            expires_at=opened.expires_at,
            public_key=opened.options or {},
        )

    @post()
    async def bind(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_passkeys.NewPasskey],
        services: NamedDependency[Services],
    ) -> shapes_passkeys.PasskeyBound:
        """Register what the authenticator made. It counts at once where it is the trader's first
        factor; otherwise once its approval was given.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.ENROL)
        bound: BoundPasskey = await services.ask_signer(
            request,
            wire.BindPasskey(
                trader_id=principal.trader,
                device_id=principal.token_id,
                statement=data.statement,
                response=msgspec.json.encode(data.response),
                origin=principal.origin,
            ),
        )
        return shapes_passkeys.PasskeyBound(
            factor_id=bound.factor_id, state=bound.state, approval_id=bound.approval_id
        )

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> shapes.Page:
        """The trader's passkeys, those that wait and those that are frozen too."""
        principal = await services.edge.token(
            request, TokenKind.DEVICE, TokenKind.SESSION, session_max_age=FRESH_SIGN_IN
        )
        async with services.db.session() as tx:
            found = await store.list_all(tx, principal.trader)
        await services.edge.log(principal, Event.FACTORS_READ)
        return shapes.Page(items=[_view(p) for p in found if p.state != "removed"])

    @delete("/{factor_id:uuid}", status_code=202)
    async def remove(
        self,
        request: AnyRequest,
        factor_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> shapes_tree.ApprovalAsked:
        """Ask for its removal: that takes an approval as strong as what is removed."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        approval_id = await services.passkey_removals.request(
            principal.trader, factor_id, origin=principal.origin, path=principal.path
        )
        return shapes_tree.ApprovalAsked(approval_id=approval_id)


def _view(passkey: Passkey) -> Any:
    return shapes_passkeys.PasskeyView(
        factor_id=passkey.factor_id,
        kind="webauthn",
        label=passkey.label,
        state=passkey.state,
        credential_id=b64url(passkey.credential_id),
        rp_id=passkey.rp_id,
        transports=passkey.transports,
        aaguid=passkey.aaguid,
        backup_eligible=passkey.backup_eligible,
        backed_up=passkey.backed_up,
        bound_at=passkey.bound_at,
    )
