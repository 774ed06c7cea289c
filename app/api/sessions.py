"""/v1/sessions: a browser signs in with a code and the phone's decision."""

import asyncio
from math import ceil
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from app.accesslog.models import Event
from app.api import shapes, shapes_codes
from app.api.edge import FRESH_SIGN_IN, AnyRequest
from app.api.errors import ProofRejected, TooManyRequests
from app.api.requesters import show_number
from app.api.services import Services
from app.core.jose import jwk_thumbprint, public_jwk
from app.core.token import TokenKind
from app.requesting.sign_ins import SignInView
from app.sessions import store
from app.verbs import wire

_PAGE = 50


class SessionController(Controller):
    path = "/v1/sessions"
    tags = ("sessions",)

    @post()
    async def begin(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewSession],
        services: NamedDependency[Services],
    ) -> shapes.SessionView:
        """Begin a sign-in. Every attempt rings the trader's phones."""
        proof = await services.edge.proof_only(request)
        if jwk_thumbprint(public_jwk(data.public_jwk, "ES256")) != proof.jkt:
            raise ProofRejected
        origin = services.edge.origin(request, f"browser:{proof.jkt}")
        return _view(await services.sign_ins.begin(data.trader_id, proof.jkt, origin))

    @post("/{session_id:uuid}/proof", status_code=200)
    async def prove(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        data: JSONBody[shapes.SessionProof],
        services: NamedDependency[Services],
    ) -> shapes.SessionView:
        """Give the code once; then ask again until the phone has decided."""
        _pace(services, request)
        proof = await services.edge.proof_only(request)
        origin = services.edge.origin(request, f"browser:{proof.jkt}")
        session = await services.sign_ins.get(data.trader_id, session_id, proof.jkt)
        if data.code is not None:
            await services.ask_signer(
                request,
                wire.Decide(
                    trader_id=data.trader_id,
                    approval_id=session.approval_id,
                    statement=None,
                    code=data.code,
                    factor_id=data.factor_id,
                    origin=origin,
                ),
            )
        return _view(
            await services.sign_ins.conclude(data.trader_id, session_id, proof.jkt, origin)
        )

    @post("/{session_id:uuid}/number", status_code=200)
    async def number(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        data: JSONBody[shapes_codes.AskSignInNumber],
        services: NamedDependency[Services],
    ) -> Response[shapes_codes.CodeShown]:
        """Four digits for the browser to show; the person types them on the phone, in place of a
        code here. Asked again it is the same number.
        """
        _pace(services, request)
        proof = await services.edge.proof_only(request)
        session = await services.sign_ins.get(data.trader_id, session_id, proof.jkt)
        origin = services.edge.origin(request, f"session:{session_id}")
        return await show_number(services, request, session.approval_id, data.trader_id, origin)

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> shapes.Page:
        principal = await services.edge.token(
            request, TokenKind.DEVICE, TokenKind.SESSION, session_max_age=FRESH_SIGN_IN
        )
        async with services.db.session() as tx:
            found = await store.list_recent(tx, principal.trader, limit=_PAGE)
        await services.edge.log(principal, Event.SESSIONS_READ)
        return shapes.Page(
            items=[
                {
                    "session_id": session.session_id,
                    "state": session.state,
                    "address": session.address,
                    "user_agent": session.user_agent,
                    "created_at": session.created_at,
                }
                for session in found
            ]
        )


def _view(view: SignInView) -> shapes.SessionView:
    return shapes.SessionView(
        session_id=view.session_id,
        state=view.state,
        approval_id=view.approval_id,
        expires_at=view.expires_at,
        session_token=None if view.bearer is None else view.bearer.reveal(),
    )


def _pace(services: Services, request: AnyRequest) -> None:
    """Who has no token yet takes the trader's lock here: so many times a minute and no more."""
    address, now = services.edge.address(request), asyncio.get_running_loop().time()
    if wait := services.sign_in_looks.wait_seconds(address, now):
        raise TooManyRequests(retry_after_seconds=ceil(wait))
    services.sign_in_looks.spend(address, now)
