"""/v1/approvals, as a platform sees it: ask, take back, redeem. And the types there are."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from app.api import shapes, shapes_asking
from app.api.edge import AnyRequest, Principal
from app.api.presented import shows_a_node
from app.api.services import Services
from app.api.traders import trader_of
from app.approvals.actions import Claimed
from app.approvals.catalogue import EXTERNAL, schemas, template_of
from app.approvals.models import DEFAULT_LIFE, ApprovalState
from app.core.errors import Malformed
from app.core.token import TokenKind
from app.guardrails.rungs import Verb
from app.platforms import store as platforms
from app.platforms.models import Platform
from app.requesting.claiming import Claim, claimed_by
from app.requesting.external import ExternalRequest
from app.tokens.errors import TokenRejected
from app.traders.errors import TraderNotFound
from app.verbs.wire import SignedStatement, SignRedemption

_TYPES: Final = tuple(
    shapes_asking.ActionType(
        type=name, template=template_of(name), external=name in EXTERNAL, json_schema=schema
    )
    for name, schema in schemas().items()
)


class AskingController(Controller):
    path = "/v1/approvals"
    tags = ("approvals",)

    @post("/{approval_id:uuid}/cancel", status_code=200)
    async def cancel(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        data: JSONBody[shapes_asking.OfTrader],
        services: NamedDependency[Services],
    ) -> shapes.Decided:
        """Take back what this platform asked, while nobody has decided it."""
        principal = await platform_principal(
            services, request, data.trader_id, scope="approvals.request", verb=Verb.READ
        )
        await services.external_requests.cancel(
            _trader(principal, data.trader_id), approval_id, principal.origin
        )
        return shapes.Decided(approval_id=approval_id, state=ApprovalState.CANCELLED)

    @post("/{approval_id:uuid}/redeem", status_code=200)
    async def redeem(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        data: JSONBody[shapes_asking.OfTrader],
        services: NamedDependency[Services],
    ) -> shapes_asking.Redeemed:
        """One signed statement that the trader approved, for this platform alone; once.

        Only for what the platform carries out itself: what Tripcord carries out is consumed by
        that, and is refused here.
        """
        principal = await platform_principal(
            services, request, data.trader_id, scope="approvals.request", verb=Verb.REDEEM
        )
        if principal.platform_id is None:
            raise TokenRejected
        signed: SignedStatement = await services.ask_signer(
            request,
            SignRedemption(
                template="redemption",
                trader_id=_trader(principal, data.trader_id),
                approval_id=approval_id,
                platform_id=principal.platform_id,
                origin=principal.origin,
            ),
        )
        return shapes_asking.Redeemed(approval_id=approval_id, statement=signed.token)


class ActionTypeController(Controller):
    tags = ("approvals",)

    @get("/v1/action-types")
    async def types(self) -> Response[shapes.Page]:
        """Every typed action with its JSON Schema: what a phone may be asked to show and sign."""
        return Response(
            shapes.Page(items=list(_TYPES)), headers={"Cache-Control": "public, max-age=300"}
        )


async def ask_externally(
    services: Services, request: AnyRequest, data: shapes_asking.NewApproval
) -> shapes_asking.AskedApproval:
    """`POST /v1/approvals`: a platform asks for what it will do itself."""
    principal = await platform_principal(
        services, request, data.trader_id, scope="approvals.request", verb=Verb.REDEEM
    )
    life = DEFAULT_LIFE
    if data.requested_expiry is not None:
        life = timedelta(seconds=data.requested_expiry)
    approval = await services.external_requests.request(
        ExternalRequest(
            trader_id=data.trader_id,
            details=data.authorization_details[0],
            claim=claim_of(data.context),
            life=life,
        ),
        await platform_of(services, principal),
        principal.origin,
    )
    return shapes_asking.AskedApproval(
        approval_id=approval.approval_id, state=approval.state, expires_at=approval.expires_at
    )


async def platform_principal(
    services: Services, request: AnyRequest, trader_id: UUID | None, *, scope: str, verb: Verb
) -> Principal:
    """A platform by its client token (then `trader_id` is its own trader's) or its token here.

    Raises
    ------
    TraderNotFound
        Not this platform's, or not the trader of the token.
    """
    if shows_a_node(request):
        principal = await services.edge.token(request, TokenKind.PLATFORM, verb=verb)
        if trader_id not in {None, principal.trader}:
            raise TraderNotFound
        principal.require(scope)
        return principal
    client = await services.edge.client(request)
    if trader_id is None:
        raise Malformed(rule="trader_id")
    await trader_of(services, client, trader_id)
    return client


async def platform_of(services: Services, principal: Principal) -> Platform:
    """The registered platform behind a principal."""
    if principal.platform_id is None:
        raise TokenRejected
    async with services.db.session() as tx:
        platform = await platforms.get(tx, principal.platform_id)
    if platform is None or platform.disabled_at is not None:
        raise TokenRejected
    return platform


def claim_of(context: shapes_asking.RequesterContext | None) -> Claim | None:
    return (
        None
        if context is None
        else Claim(
            address=context.address,
            user_agent=context.user_agent,
            place=context.place,
            message=context.message,
        )
    )


async def claimed_of(
    services: Services, principal: Principal, context: shapes_asking.RequesterContext | None
) -> Claimed | msgspec.UnsetType:
    """What a platform says of its user, in its name; nobody else may say anything of that kind."""
    claim = claim_of(context)
    if claim is None:
        return msgspec.UNSET
    if principal.kind not in {TokenKind.CLIENT, TokenKind.PLATFORM}:
        raise Malformed(rule="context")
    return claimed_by(await platform_of(services, principal), claim)


def _trader(principal: Principal, named: UUID | None) -> UUID:
    found = principal.trader_id or named
    if found is None:
        raise Malformed(rule="trader_id")
    return found
