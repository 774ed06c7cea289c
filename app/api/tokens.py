"""/v1/tokens: the tree, new children, and the end of a branch."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response

from app.accesslog.models import Event
from app.api import shapes
from app.api.cord import receipt_response
from app.api.edge import FRESH_SIGN_IN, AnyRequest
from app.api.services import Services
from app.api.shapes_revocation import ReceiptView
from app.api.traders import trader_of
from app.approvals.actions import Amount
from app.core.errors import Malformed
from app.core.token import TokenKind
from app.guardrails.rungs import Rung, Verb
from app.requesting.grants import GrantRequest
from app.tokens import store
from app.tokens.models import CleanUpMode

PAGE = 100
_FIRST = UUID(int=0)
_RUNGS = tuple(Rung)
_AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class TokenController(Controller):
    path = "/v1/tokens"
    tags = ("tokens",)

    @post()
    async def request_grant(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewGrant],
        services: NamedDependency[Services],
    ) -> shapes.GrantRequested:
        """Ask for a bot's grant. Its token is shown here once, and dead until approved."""
        client = await services.edge.client(request)
        await trader_of(services, client, data.trader_id)
        requested = await services.grant_requests.request(
            GrantRequest(
                trader_id=data.trader_id,
                parent_id=data.parent_id,
                public_jwk=data.public_jwk,
                model_name=data.model.name,
                model_digest=data.model.digest,
                model_version=data.model.version,
                markets=data.markets,
                allocation=_amount(data.allocation),
                free_limit=_amount(data.free_limit),
                max_order=_amount(data.max_order),
                expires_at=_moment(data.expires_at),
                lease_hours=data.lease_hours,
            ),
            requested_by=client.origin.actor,
            origin=client.origin,
        )
        return shapes.GrantRequested(
            token_id=requested.bearer.token_id,
            token=requested.bearer.reveal(),
            approval_id=requested.approval_id,
        )

    @get()
    async def tree(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        cursor: FromQuery[UUID | None] = None,
    ) -> shapes.Page:
        """The trader's tree, a hundred nodes a page, each with its effective rung."""
        principal = await services.edge.token(
            request, TokenKind.DEVICE, TokenKind.SESSION, session_max_age=FRESH_SIGN_IN
        )
        async with services.db.session() as tx:
            found = await store.tree_page(tx, principal.trader, after=cursor or _FIRST, limit=PAGE)
        await services.edge.log(principal, Event.TOKENS_READ)
        return shapes.Page(
            items=[
                shapes.NodeView(
                    token_id=node.token_id,
                    kind=node.kind,
                    parent_id=node.parent_id,
                    label=node.label,
                    state=_RUNGS[level].value,
                    created_at=node.created_at,
                    expires_at=node.expires_at,
                )
                for node, level in found
            ],
            cursor=str(found[-1][0].token_id) if len(found) == PAGE else None,
        )

    @delete("/{token_id:uuid}", status_code=200)
    async def revoke(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        services: NamedDependency[Services],
        mode: FromQuery[CleanUpMode | None] = None,
    ) -> Response[ReceiptView]:
        """Revoke a node and everything beneath it. One factor: the device's own key.

        Without `mode` clean-up does what the trader's setting says.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        receipt = await services.revocations.revoke(
            principal.trader,
            token_id,
            reason="revoked by the trader",
            origin=principal.origin,
            mode=mode,
        )
        return receipt_response(receipt)


def _amount(money: shapes.Money) -> Amount:
    return Amount(amount=money.amount, quote=money.quote)


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else msgspec.convert(text, _AwareTime)
    except msgspec.ValidationError:
        raise Malformed from None
