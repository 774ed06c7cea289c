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
from app.api import shapes, shapes_tree
from app.api.asking import claimed_of, platform_of
from app.api.cord import receipt_response
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.api.shapes_revocation import ReceiptView
from app.api.token_views import (
    RUNGS,
    detail,
    etag,
    own_branch,
    reader,
    visible_kinds,
    visible_node,
)
from app.api.traders import trader_of
from app.approvals.actions import Amount
from app.core.errors import Malformed
from app.core.token import TokenKind
from app.guardrails.rungs import Verb
from app.requesting.grants import GrantRequest, RequestedGrant
from app.requesting.nodes import PlatformTokenRequest, RequestedToken
from app.tokens import nodes
from app.tokens.errors import TokenRejected
from app.tokens.models import CleanUpMode
from app.traders.errors import TraderNotFound

PAGE = 100
_FIRST = UUID(int=0)
_AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class TokenController(Controller):
    path = "/v1/tokens"
    tags = ("tokens",)

    @post()
    async def request_child(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_tree.NewGrant | shapes_tree.NewPlatformToken],
        services: NamedDependency[Services],
    ) -> shapes.GrantRequested:
        """Ask for a grant or a platform token: shown here once, and dead until approved.

        A platform asks for its own traders, by its client token or by a platform token with
        `grants.request`; a bot asks for grants beneath its own. More than the parent has is
        refused and the rule names the field; what is left out is the parent's.
        """
        requester = await services.edge.requester(request)
        if requester.kind is TokenKind.CLIENT:
            await trader_of(services, requester, data.trader_id)
        elif requester.trader_id != data.trader_id:
            raise TraderNotFound
        requester.require("grants.request")
        requested: RequestedToken | RequestedGrant
        if isinstance(data, shapes_tree.NewPlatformToken):
            requested = await _platform_token(services, requester, data)
        else:
            requested = await services.grant_requests.request(
                msgspec.structs.replace(
                    _grant_request(data, requester),
                    claimed=await claimed_of(services, requester, data.context),
                ),
                requested_by=requester.origin.actor,
                origin=requester.origin,
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
        under: FromQuery[UUID | None] = None,
        kind: FromQuery[shapes_tree.KindName | None] = None,
    ) -> shapes.Page:
        """The tree, a hundred nodes a page, each with its effective rung.

        `under` is a node, itself included. A bot sees its own branch; a platform token with
        `tree.read` what bears on its work: no devices and no sessions.
        """
        principal = await reader(services, request)
        branch = own_branch(principal)
        async with services.db.session() as tx:
            if under is not None:
                await visible_node(tx, principal, under)
            found = await nodes.tree_page(
                tx,
                principal.trader,
                after=cursor or _FIRST,
                limit=PAGE,
                under=under or branch,
                kinds=[name for name in visible_kinds(principal) if kind in {None, name}],
            )
        await services.edge.log(principal, Event.TOKENS_READ)
        return shapes.Page(
            items=[
                shapes_tree.NodeView(
                    token_id=node.token_id,
                    kind=node.kind,
                    parent_id=node.parent_id,
                    label=node.label,
                    state=RUNGS[level].value,
                    created_at=node.created_at,
                    expires_at=node.expires_at,
                )
                for node, level in found
            ],
            cursor=str(found[-1][0].token_id) if len(found) == PAGE else None,
        )

    @get("/{token_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> Response[shapes_tree.NodeDetail]:
        """One node: effective state, its own fences, the limits in force. Never a secret."""
        principal = await reader(services, request)
        async with services.db.session() as tx:
            view = await detail(tx, await visible_node(tx, principal, token_id))
        await services.edge.log(principal, Event.TOKENS_READ, subject_id=token_id)
        return Response(view, headers={"ETag": etag(view), "Cache-Control": "no-store"})

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


async def _platform_token(
    services: Services, requester: Principal, data: shapes_tree.NewPlatformToken
) -> RequestedToken:
    """A platform asks by its client token: one platform token does not beget another."""
    if requester.kind is not TokenKind.CLIENT:
        raise TokenRejected
    platform = await platform_of(services, requester)
    return await services.node_requests.platform_token(
        PlatformTokenRequest(
            trader_id=data.trader_id,
            parent_id=data.parent_id,
            public_jwk=data.public_jwk,
            label=data.label,
            scope=data.scope,
            ip_networks=data.ip_networks,
            expires_at=_moment(data.expires_at),
            claimed=await claimed_of(services, requester, data.context),
        ),
        platform,
        requester.origin,
    )


def _grant_request(data: shapes_tree.NewGrant, requester: Principal) -> GrantRequest:
    return GrantRequest(
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
        scope=data.scope,
        ip_networks=data.ip_networks,
        lease_hours=data.lease_hours,
        under_grant_id=requester.token_id if requester.kind is TokenKind.GRANT else None,
    )


def _amount(money: shapes.Money | None) -> Amount | None:
    return None if money is None else Amount(amount=money.amount, quote=money.quote)


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else msgspec.convert(text, _AwareTime)
    except msgspec.ValidationError:
        raise Malformed from None
