"""/v1/approvals: what waits for a person, and what the person says."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Response

from app.accesslog.models import Event
from app.api import shapes, shapes_asking, shapes_codes
from app.api.asking import ask_externally, platform_principal
from app.api.carrying import carry_out
from app.api.edge import AnyRequest, Principal
from app.api.presented import shows_a_node
from app.api.requesters import NO_STORE
from app.api.services import Services
from app.approvals import store
from app.approvals.actions import TEMPLATES
from app.approvals.errors import ApprovalNotFound, ApprovalNotPending
from app.approvals.models import Approval, ApprovalState
from app.approvals.offering import offered
from app.core.canonical import parse_canonical
from app.core.encoding import b64url
from app.core.errors import DomainError
from app.core.jose import split
from app.core.token import TokenKind
from app.guardrails.rungs import Rung, Verb, check_rung
from app.otp import store as otp
from app.tokens import store as tokens
from app.tokens.errors import TokenRejected
from app.tokens.models import Level
from app.verbs import wire
from app.verbs.errors import RefusedByPeer
from app.webauthn import store as passkeys
from app.webauthn.models import usable

LONGEST_WAIT_SECONDS = 25
_LOOK_AGAIN_SECONDS = 5.0
"""An approval is in the log with its row, so its trader's chain grows. What can end a token's right
to hear without an entry (its own expiry, a lost look) is found by looking again so often."""

_PAGE = 50
_RUNGS = tuple(Rung)
_NOBODY = UUID(int=0)
_PLATFORMS = (TokenKind.PLATFORM, TokenKind.CLIENT)

WaitSeconds = Annotated[int, QueryParameter(ge=0, le=LONGEST_WAIT_SECONDS)]


class ApprovalController(Controller):
    path = "/v1/approvals"
    tags = ("approvals",)

    @get()
    async def pending(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        wait: WaitSeconds = 0,
        cursor: FromQuery[UUID | None] = None,
    ) -> shapes.Page:
        """Pending approvals, oldest first; with `wait`, as soon as there is one."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.LIFT)
        found = await _wait_for(services, principal, cursor or UUID(int=0), wait)
        factors = await _factors(services, principal) if found else set()
        await services.edge.log(principal, Event.APPROVALS_READ)
        return shapes.Page(
            items=[_view(approval, factors, services.clock.now()) for approval in found],
            cursor=str(found[-1].approval_id) if len(found) == _PAGE else None,
        )

    @post()
    async def ask(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_asking.NewApproval],
        services: NamedDependency[Services],
    ) -> shapes_asking.AskedApproval:
        """Ask a trader for something the platform itself will do.

        By the client's token, or by a platform token with `approvals.request`. What Tripcord
        carries out itself has routes of its own. 429 with `Retry-After` where this platform has
        asked enough for now; nothing is queued then.
        """
        return await ask_externally(services, request, data)

    @get("/{approval_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        services: NamedDependency[Services],
        trader_id: FromQuery[UUID | None] = None,
    ) -> shapes.ApprovalView:
        """One approval; a platform sees those it asked for, by its token in the tree or by its
        client token, which names the trader.
        """
        principal = await _reader(services, request, trader_id)
        principal.require("approvals.read")
        async with services.db.session() as tx:
            approval = await store.get(tx, principal.trader_id or trader_id or _NOBODY, approval_id)
        if approval is None or not _own_lift(principal, approval):
            check_rung(_RUNGS[principal.level], Verb.READ, node_id=principal.token_id)
        if approval is None:
            raise ApprovalNotFound
        if principal.kind in _PLATFORMS and approval.requester != principal.origin.actor:
            raise ApprovalNotFound
        factors = await _factors(services, principal)
        await services.edge.log(
            principal, Event.APPROVALS_READ, trader_id=approval.trader_id, subject_id=approval_id
        )
        return _view(approval, factors, services.clock.now())

    @post("/{approval_id:uuid}/decision", status_code=200)
    async def decide(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        data: JSONBody[shapes.DecideApproval],
        services: NamedDependency[Services],
    ) -> shapes.Decided:
        """Relay the device's decision; what was approved is then carried out at once.

        Sent again after a lost reply, it carries out what is approved and was not yet: the signer
        verifies the stored decision itself, so nothing is believed here.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.DENY)
        try:
            decided: wire.Decided = await services.ask_signer(
                request,
                wire.Decide(
                    trader_id=principal.trader,
                    approval_id=approval_id,
                    statement=data.statement,
                    code=data.code,
                    factor_id=data.factor_id,
                    assertion=None
                    if data.assertion is None
                    else msgspec.json.encode(data.assertion),
                    origin=principal.origin,
                ),
            )
        except RefusedByPeer as refused:
            decided = await _decided_before(services, principal, approval_id, data, refused)
        outcome = None
        if decided.state == ApprovalState.APPROVED:
            outcome = await carry_out(
                services, request, principal.trader, principal.origin, decided
            )
        return shapes.Decided(approval_id=approval_id, state=decided.state, outcome=outcome)

    @post("/{approval_id:uuid}/reveal", status_code=200)
    async def reveal(
        self,
        request: AnyRequest,
        approval_id: FromPath[UUID],
        data: JSONBody[shapes_codes.AskCode],
        services: NamedDependency[Services],
    ) -> Response[shapes_codes.CodeShown]:
        """Say yes by `push_otp`: the answer is a one-time password for this phone's screen, which
        decides the approval when it is typed where the request came from. Never in a push message.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE)
        told: wire.RevealedCode = await services.ask_signer(
            request,
            wire.RevealCode(
                trader_id=principal.trader,
                approval_id=approval_id,
                statement=data.statement,
                origin=principal.origin,
            ),
        )
        return Response(
            shapes_codes.CodeShown(code=told.code, expires_at=told.expires_at), headers=NO_STORE
        )


async def _reader(services: Services, request: AnyRequest, trader_id: UUID | None) -> Principal:
    """A device or a platform token of the trader's tree, or a client of the trader's platform."""
    if not shows_a_node(request):
        return await platform_principal(
            services, request, trader_id, scope="approvals.read", verb=Verb.READ
        )
    return await services.edge.token(request, TokenKind.DEVICE, TokenKind.PLATFORM, verb=Verb.LIFT)


async def _decided_before(
    services: Services,
    principal: Principal,
    approval_id: UUID,
    data: shapes.DecideApproval,
    refused: RefusedByPeer,
) -> wire.Decided:
    """An approval that was approved and waits to be carried out; else the refusal again.

    Only for somebody who says yes again: a no is the signer's to take, and never carries out.
    """
    if refused.code == ApprovalNotPending.code and _says_yes(data.statement):
        async with services.db.session() as tx:
            approval = await store.get(tx, principal.trader, approval_id)
        if approval is not None and approval.state is ApprovalState.APPROVED:
            return wire.Decided(
                approval_id=approval_id,
                action_type=approval.action_type,
                subject_id=approval.subject_id,
                state=approval.state,
            )
    raise refused


def _says_yes(statement: str) -> bool:
    """What a statement claims to say. It decides nothing: the signer verifies what it acts on."""
    try:
        return bool(parse_canonical(split(statement)[1]).get("decision") == "approve")
    except (DomainError, AttributeError):
        return False


async def _wait_for(
    services: Services, principal: Principal, after: UUID, seconds: int
) -> list[Approval]:
    """Wait until there is something; a token that is revoked meanwhile hears nothing more."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while True:
        # Before the approvals: what is asked after this look makes the chain longer than it was.
        head = await services.heads.now(principal.trader) if seconds else 0
        async with services.db.session() as tx:
            level = await tokens.effective_level(tx, principal.trader, principal.path)
            if level is Level.REVOKED:
                raise TokenRejected
            found = await store.list_pending(
                tx,
                principal.trader,
                services.clock.now(),
                after=after,
                limit=_PAGE,
                lifts_of=principal.origin.actor if level is Level.FROZEN else None,
            )
        if level is Level.FROZEN:
            # Nothing but its own request to be let go; without one, it reads nothing at all.
            found = [approval for approval in found if _own_lift(principal, approval)]
            if not found:
                check_rung(_RUNGS[level], Verb.READ, node_id=principal.token_id)
        left = ends_at - loop.time()
        if found or services.stopping.is_set() or left <= 0:
            return found
        await services.heads.beyond(principal.trader, head, min(left, _LOOK_AGAIN_SECONDS))


def _own_lift(principal: Principal, approval: Approval) -> bool:
    """The device's own request to have itself, or its root, let go."""
    own = approval.requester == principal.origin.actor and approval.subject_id in principal.path
    return own and approval.action_type == "token.lift"


async def _factors(services: Services, principal: Principal) -> set[str]:
    """The kinds of factor that the trader could approve with now. Platforms do not learn them."""
    if principal.kind is not TokenKind.DEVICE:
        return set()
    async with services.db.session() as tx:
        root_id = principal.path[0]
        kinds = {"totp"} if await otp.list_living(tx, principal.trader, root_id) else set()
        if usable(await passkeys.list_all(tx, principal.trader), root_id):
            kinds.add("webauthn")
    return kinds


def _view(approval: Approval, factors: set[str], now: datetime) -> shapes.ApprovalView:
    return shapes.ApprovalView(
        approval_id=approval.approval_id,
        template=TEMPLATES[approval.action_type],
        action=b64url(approval.action),
        digest=b64url(approval.digest),
        nonce=b64url(approval.nonce),
        required_strength=approval.required_strength,
        methods=offered(approval, factors),
        requester=approval.requester,
        state=approval.state_at(now),
        created_at=approval.created_at,
        expires_at=approval.expires_at,
    )
