"""/v1/tokens/{id}/…: less for a node, other addresses, a new secret."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody

from app.api import shapes_tree
from app.api.asking import claimed_of
from app.api.edge import AnyRequest, Principal
from app.api.errors import PreconditionFailed
from app.api.presented import shows_a_node
from app.api.services import Services
from app.api.token_views import detail, etag
from app.api.traders import trader_of
from app.core.errors import Malformed
from app.core.statements import claimed
from app.core.token import TokenKind
from app.guardrails.rungs import Verb
from app.tokens import store as tokens
from app.tokens.errors import TokenNotFound
from app.verbs.wire import SealChange, SealedChange

IfMatch = Annotated[str | None, HeaderParameter(name="if-match")]


class TokenNodeController(Controller):
    path = "/v1/tokens/{token_id:uuid}"
    tags = ("tokens",)

    @patch("/limits")
    async def narrow(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        data: JSONBody[shapes_tree.NarrowNode],
        services: NamedDependency[Services],
        if_match: IfMatch = None,
    ) -> shapes_tree.Narrowed:
        """Less for a node, in force at once for all beneath it. The device's own signature is
        enough; anything wider is refused and the rule names the field.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        if claimed(data.statement, "token_id") != str(token_id):
            raise Malformed(rule="token_id")
        if if_match is not None:
            async with services.db.session() as tx:
                node = await tokens.get(tx, principal.trader, token_id)
                if node is None:
                    raise TokenNotFound
                if if_match != etag(await detail(tx, node)):
                    raise PreconditionFailed
        sealed: SealedChange = await services.ask_signer(
            request,
            SealChange(
                trader_id=principal.trader, origin=principal.origin, statement=data.statement
            ),
        )
        return shapes_tree.Narrowed(token_id=sealed.subject_id, version=sealed.version or 0)

    @post("/ip-networks", status_code=202)
    async def ask_networks(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        data: JSONBody[shapes_tree.NewNetworks],
        services: NamedDependency[Services],
    ) -> shapes_tree.ApprovalAsked:
        """Ask for another address list, wider perhaps: a person approves it (`net.ip_change`)."""
        trader_id, principal = await self._asker(request, data, services)
        approval_id = await services.node_requests.ip_change(
            trader_id,
            token_id,
            data.ip_networks,
            principal.origin,
            claimed=await claimed_of(services, principal, data.context),
        )
        return shapes_tree.ApprovalAsked(approval_id=approval_id)

    @post("/rotate", status_code=200)
    async def rotate(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> shapes_tree.Rotated:
        """A new secret, for the token's own holder or for a device of its tree.

        After a lost reply, ask again: until one of the new secrets is used, each is good, and so
        is the old one, for ten minutes. The key it is bound to, its scope and its end stay.
        """
        principal = await services.edge.token(
            request,
            TokenKind.DEVICE,
            TokenKind.SESSION,
            TokenKind.GRANT,
            TokenKind.PLATFORM,
            verb=Verb.ROTATE,
        )
        if principal.token_id != token_id and principal.kind is not TokenKind.DEVICE:
            raise TokenNotFound
        rotated = await services.node_requests.rotate(principal.trader, token_id, principal.origin)
        return shapes_tree.Rotated(
            token_id=token_id, token=rotated.bearer.reveal(), old_dies_at=rotated.old_dies_at
        )

    async def _asker(
        self, request: AnyRequest, data: shapes_tree.NewNetworks, services: Services
    ) -> tuple[UUID, Principal]:
        if shows_a_node(request):
            principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.WIDEN)
            if data.trader_id not in {None, principal.trader}:
                raise TokenNotFound
            return principal.trader, principal
        client = await services.edge.client(request)
        if data.trader_id is None:
            raise Malformed(rule="trader_id")
        await trader_of(services, client, data.trader_id)
        return data.trader_id, client
