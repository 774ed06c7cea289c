"""Who sees which nodes of a tree, and one node with everything in force on it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import get_args
from uuid import UUID

import msgspec

from app.api import shapes, shapes_tree
from app.api.edge import FRESH_SIGN_IN, AnyRequest, Principal
from app.api.services import Services
from app.approvals.actions import Amount, BotGrant, read_action
from app.approvals.errors import ActionMismatch
from app.approvals.limits import Limits, in_force, limits_of
from app.core import networks
from app.core.canonical import canonical_json, sha256
from app.core.encoding import b64url
from app.core.token import TokenKind
from app.db.pool import Tx
from app.grants import store as grants
from app.grants.models import Grant
from app.guardrails.errors import WiderThanParent
from app.guardrails.rungs import Rung
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.errors import TokenNotFound
from app.tokens.models import Node

RUNGS = tuple(Rung)
_ALL_KINDS: tuple[str, ...] = get_args(shapes_tree.KindName)
_PRIVATE = ("device", "session")
"""The trader's own phones and browsers are nothing to a platform."""

_ETAG_CHARS = 22


async def reader(services: Services, request: AnyRequest) -> Principal:
    """Devices and sessions of the trader, a bot, a platform token with `tree.read`."""
    principal = await services.edge.token(
        request,
        TokenKind.DEVICE,
        TokenKind.SESSION,
        TokenKind.GRANT,
        TokenKind.PLATFORM,
        session_max_age=FRESH_SIGN_IN,
    )
    principal.require("tree.read")
    return principal


def own_branch(principal: Principal) -> UUID | None:
    """A bot sees what lies at and beneath its own grant."""
    return principal.token_id if principal.kind is TokenKind.GRANT else None


def visible_kinds(principal: Principal) -> tuple[str, ...]:
    if principal.kind is TokenKind.PLATFORM:
        return tuple(kind for kind in _ALL_KINDS if kind not in _PRIVATE)
    return _ALL_KINDS


async def visible_node(tx: Tx, principal: Principal, token_id: UUID) -> Node:
    """A node that this principal may see, or raise TokenNotFound: one answer for the rest."""
    node = await tokens.get(tx, principal.trader, token_id)
    branch = own_branch(principal)
    if (
        node is None
        or node.kind not in visible_kinds(principal)
        or (branch is not None and branch not in node.path)
    ):
        raise TokenNotFound
    return node


async def detail(tx: Tx, node: Node) -> shapes_tree.NodeDetail:
    """A node, its own fences, and the tightest of everything on its path."""
    level = await tokens.effective_level(tx, node.trader_id, node.path)
    fences = await nodes.fences_on(tx, node.trader_id, node.token_id)
    return shapes_tree.NodeDetail(
        token_id=node.token_id,
        kind=node.kind,
        parent_id=node.parent_id,
        path=node.path,
        label=node.label,
        state=RUNGS[level].value,
        version=node.version,
        created_at=node.created_at,
        expires_at=node.expires_at,
        ip_networks=node.networks,
        fences=[
            shapes_tree.FenceView(
                imposed_by=fence.imposed_by,
                state=RUNGS[fence.level].value,
                reason=fence.reason,
                imposed_at=fence.imposed_at,
            )
            for fence in fences
        ],
        limits=await _limits(tx, node),
    )


def etag(view: shapes_tree.NodeDetail) -> str:
    """A strong validator (RFC 9110 section 8.8.3): of everything that is shown."""
    return f'"{b64url(sha256(canonical_json(msgspec.to_builtins(view))))[:_ETAG_CHARS]}"'


async def _limits(tx: Tx, node: Node) -> shapes_tree.LimitsView:
    lists = await nodes.lists_on(tx, node.trader_id, node.path)
    ends_at = await nodes.earliest_end(tx, node.trader_id, node.path) or node.expires_at
    found = None if node.kind != "grant" else await _grant_limits(tx, node)
    return limits_view(node.scope, lists, ends_at, found)


def limits_view(
    scope: list[str], lists: Iterable[Sequence[str]], ends_at: datetime, found: Limits | None
) -> shapes_tree.LimitsView:
    """What is in force, from the parts of a path; `found` are a grant's limits there."""
    view = shapes_tree.LimitsView(
        scope=scope, ip_networks=networks.in_force(lists), expires_at=ends_at
    )
    if found is None:
        return view
    return msgspec.structs.replace(
        view,
        scope=found.scope,
        expires_at=min(ends_at, found.expires_at),
        markets=found.markets,
        allocation=_money(found.allocation),
        max_order=_money(found.max_order),
        free_limit=_money(found.free_limit),
        lease_hours=found.lease_hours,
    )


async def _grant_limits(tx: Tx, node: Node) -> Limits | None:
    """None where a grant of the path is not sealed, or is nothing that we wrote."""
    on_path = await grants.on_path(tx, node.trader_id, node.path)
    if [grant.grant_id for grant in on_path] != node.path[2:]:
        return None
    limits = [read_limits(grant) for grant in on_path]
    try:
        return in_force([one for one in limits if one is not None]) if None not in limits else None
    except WiderThanParent:
        return None


def read_limits(grant: Grant) -> Limits | None:
    """What a grant's row says that it may do; None for what nobody of us wrote."""
    try:
        return limits_of(read_action(grant.limits, BotGrant))
    except ActionMismatch:
        return None


def _money(amount: Amount) -> shapes.Money:
    return shapes.Money(amount=amount.amount, quote=amount.quote)
