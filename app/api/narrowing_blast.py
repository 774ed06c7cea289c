"""POST /v1/tokens/{id}/limits/blast-radius: what less for a node would do, before a phone signs it.

A question that has a body, because limits are no query. It changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from app.accesslog.models import Event
from app.api import shapes_narrowing as shapes
from app.api.blast import PAGE, path_of, unprotected
from app.api.edge import AnyRequest
from app.api.services import Services
from app.api.shapes_ladder import OpenOrders
from app.api.shapes_tree import LimitsView
from app.api.token_views import RUNGS, limits_view, read_limits
from app.approvals.errors import ActionMismatch
from app.approvals.limits import Limits, decimal_of, in_force
from app.approvals.narrowing import changes_of, check_changes, check_reachable, less_of
from app.core.token import TokenKind
from app.db.pool import Tx
from app.devices import heartbeats
from app.grants import store as grants
from app.guardrails.errors import GuardrailRefused, WiderThanParent
from app.guardrails.leases import check_lease
from app.orders import exposure
from app.tokens import nodes, store, subtree
from app.tokens.errors import TokenNotFound
from app.tokens.models import Level, Node

ORDER = "order"
"""The scope without which a bot places nothing."""

_Branch = tuple[Mapping[UUID, Node], Mapping[UUID, Limits | None]]
"""Every node on the paths in question, and the limits of every grant among them."""


class NarrowingRadiusController(Controller):
    path = "/v1/tokens/{token_id:uuid}/limits/blast-radius"
    tags = ("tokens",)

    @post(status_code=200)
    async def look(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        data: JSONBody[shapes.PlannedNarrowing],
        services: NamedDependency[Services],
        cursor: FromQuery[UUID | None] = None,
    ) -> shapes.NarrowingRadius:
        """What narrowing to these limits would do: who is limited, open orders, holdings whose
        markets close without a stop. Refuses what the narrowing itself would be refused for.

        A look, not a lock. Nodes come a hundred a page, parents first.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        trader_id, now, changes = principal.trader, services.clock.now(), changes_of(data.limits)
        async with services.db.session() as tx:
            top = await store.get(tx, trader_id, token_id)
            if top is None:
                raise TokenNotFound
            check_changes(top, changes, now)
            check_reachable(top, principal.path, changes.get("ip_networks", top.networks),
                            principal.origin.address)  # fmt: skip
            after = await path_of(tx, top, cursor)
            found = await subtree.page(tx, trader_id, top.path, after=after, limit=PAGE)
            before = await _branch(tx, top, [node for node, _ in found])
            counts = await subtree.counts(tx, trader_id, top.path)
            orders = await exposure.open_orders(
                tx, trader_id, token_id, cap=subtree.COUNT_CAP, largest=_largest(changes)
            )
            held = await exposure.held(tx, trader_id, token_id, top.path)
            lease = await _lease(tx, top, changes, now)
        then = _narrowed(before, top, changes)
        closed = _closed(top, before, then)
        await services.edge.log(principal, Event.BLAST_RADIUS_READ, subject_id=token_id)
        return shapes.NarrowingRadius(
            token_id=token_id,
            version=top.version,
            total=subtree.total_text(sum(counts.values())),
            counts=counts,
            nodes=[_affected(node, level, before, then) for node, level in found],
            open_orders=[_orders(group, closed) for group in orders],
            open_orders_total=subtree.total_text(sum(group.count for group in orders)),
            closed_markets=closed,
            without_stop=[
                unprotected(asset, now)
                for asset in held[: exposure.POSITIONS]
                if asset.unprotected and not set(closed).isdisjoint(asset.markets)
            ],
            without_stop_more=len(held) > exposure.POSITIONS,
            stop_means=exposure.STOP_MEANS,
            lease=lease,
            as_of=now,
            cursor=str(found[-1][0].token_id) if len(found) == PAGE else None,
        )


def _affected(node: Node, level: Level, before: _Branch, then: _Branch) -> shapes.NarrowedNode:
    was, becomes = _view(node, before), _view(node, then)
    names = LimitsView.__struct_fields__
    fields = (
        list(names)
        if becomes is None
        else [name for name in names if was is None or getattr(was, name) != getattr(becomes, name)]
    )
    return shapes.NarrowedNode(
        token_id=node.token_id,
        kind=node.kind,
        parent_id=node.parent_id,
        label=node.label,
        state=RUNGS[level].value,
        becomes=_becomes(node, was, becomes, fields),
        fields=[] if was is None else fields,
        after=becomes,
    )


def _becomes(
    node: Node, was: LimitsView | None, view: LimitsView | None, fields: Sequence[str]
) -> shapes.Becomes:
    if was is None or not fields:
        return "unchanged"  # what is dead already becomes nothing else
    if view is None:
        return "dead"
    if node.kind == "grant" and _places(was) and not _places(view):
        return "places_no_orders"
    return "limited"


def _places(view: LimitsView) -> bool:
    return ORDER in view.scope and bool(view.markets)


async def _branch(tx: Tx, top: Node, found: Sequence[Node]) -> _Branch:
    """What stands on the paths of a page of nodes, and the node that is asked about."""
    ids = {node_id for node in [top, *found] for node_id in node.path}
    rows = await nodes.many(tx, top.trader_id, ids)
    sealed = await grants.on_path(tx, top.trader_id, list(ids))
    return rows, {grant.grant_id: read_limits(grant) for grant in sealed}


def _narrowed(before: _Branch, top: Node, changes: Mapping[str, Any]) -> _Branch:
    """The same branch with less at its top."""
    rows, limits = before
    less = msgspec.structs.replace(
        rows[top.token_id],
        networks=changes.get("ip_networks", top.networks),
        expires_at=changes.get("expires_at", top.expires_at),
        scope=changes.get("scope", top.scope),
    )
    sealed = {}
    if top.kind == "grant":
        if (own := limits.get(top.token_id)) is None:
            raise ActionMismatch  # nobody approved it yet, or it is nothing that we wrote
        sealed[top.token_id] = less_of(own, dict(changes))
    return {**rows, top.token_id: less}, {**limits, **sealed}


def _view(node: Node, branch: _Branch) -> LimitsView | None:
    """What is in force on a node; None where that is nothing, so that nobody can use it."""
    rows, limits = branch
    path = [rows[node_id] for node_id in node.path if node_id in rows]
    found = None
    if node.kind == "grant":
        sealed = [limits.get(node_id) for node_id in node.path[2:]]
        try:
            found = in_force([one for one in sealed if one is not None])
        except (WiderThanParent, IndexError):
            return None
        if None in sealed:
            return None
    view = limits_view(
        rows[node.token_id].scope,
        [one.networks for one in path],
        min(one.expires_at for one in path),
        found,
    )
    is_dead = view.ip_networks == [] or (node.kind in {"grant", "platform"} and not view.scope)
    return None if is_dead else view


def _closed(top: Node, before: _Branch, then: _Branch) -> list[str]:
    """Markets in which nothing at or below a grant places orders any more, and could before."""
    was, becomes = _view(top, before), _view(top, then)
    if top.kind != "grant" or was is None or not _places(was):
        return []
    left = becomes.markets or [] if becomes is not None and _places(becomes) else []
    return sorted(set(was.markets or ()) - set(left))


def _largest(changes: Mapping[str, Any]) -> Decimal | None:
    """More than this no order below may be worth, if sizes are named: what waits is refused."""
    sizes = [decimal_of(changes[name]) for name in ("max_order", "allocation") if name in changes]
    return min(sizes, default=None)


def _orders(group: exposure.OpenGroup, closed: Sequence[str]) -> OpenOrders:
    is_over = group.market in closed or group.is_larger
    then: Literal["refused", "stays"] = "refused" if group.state == "held" and is_over else "stays"
    return OpenOrders(
        venue=group.venue,
        market=group.market,
        side=group.side,
        state=group.state,
        count=group.count,
        quantity=format(group.quantity, "f"),
        then=then,
    )


async def _lease(
    tx: Tx, top: Node, changes: Mapping[str, Any], now: datetime
) -> shapes.LeaseView | None:
    hours: int | None = changes.get("lease_hours")
    if hours is None:
        return None
    seen_at = await heartbeats.seen_at(tx, top.trader_id, top.path[0])
    try:
        check_lease(hours, seen_at, now, node_id=top.token_id)
    except GuardrailRefused:
        runs_out_at = None
    else:
        runs_out_at = None if seen_at is None else seen_at + timedelta(hours=hours)
    return shapes.LeaseView(hours=hours, seen_at=seen_at, runs_out_at=runs_out_at)
