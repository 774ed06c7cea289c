"""/v1/tokens/{id}/blast-radius: what a step down would do, before it is taken."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from app.accesslog.models import Event
from app.api import shapes_ladder as shapes
from app.api.edge import AnyRequest
from app.api.orders import STALE_AFTER
from app.api.services import Services
from app.core.token import TokenKind
from app.db.pool import Tx
from app.guardrails.rungs import ALLOWED, Rung, Verb
from app.orders import exposure
from app.orders.rules import is_entry
from app.revocation import setting_store
from app.tokens import store, subtree
from app.tokens.errors import TokenNotFound
from app.tokens.models import CleanUpMode, Level, Node

PAGE = 100
_RUNGS = tuple(Rung)
_To = Annotated[shapes.RungWord, QueryParameter(name="to")]


class BlastRadiusController(Controller):
    path = "/v1/tokens/{token_id:uuid}/blast-radius"
    tags = ("the ladder",)

    @get()
    async def read(
        self,
        request: AnyRequest,
        token_id: FromPath[UUID],
        services: NamedDependency[Services],
        to: _To = "revoked",
        cursor: FromQuery[UUID | None] = None,
    ) -> shapes.BlastRadius:
        """What going down to `to` would do: nodes, open orders, holdings left without a stop.

        A look, not a lock: what comes between this and the pull is not in it. Nodes come a
        hundred a page, parents first; the other parts are the same on every page.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        trader_id, rung, now = principal.trader, Rung(to), services.clock.now()
        async with services.db.session() as tx:
            node = await store.get(tx, trader_id, token_id)
            if node is None:
                raise TokenNotFound
            after = await path_of(tx, node, cursor)
            nodes = await subtree.page(tx, trader_id, node.path, after=after, limit=PAGE)
            counts = await subtree.counts(tx, trader_id, node.path)
            orders = await exposure.open_orders(tx, trader_id, token_id, cap=subtree.COUNT_CAP)
            mode = (await setting_store.get(tx, trader_id)).cleanup_mode
            held = await exposure.held(tx, trader_id, token_id, node.path)
            level = await store.effective_level(tx, trader_id, node.path)
        await services.edge.log(principal, Event.BLAST_RADIUS_READ, subject_id=token_id)
        return shapes.BlastRadius(
            token_id=token_id,
            state=_RUNGS[level].value,
            to=to,
            loses=[v.value for v in Verb if v in ALLOWED[_RUNGS[level]] - ALLOWED[rung]],
            total=subtree.total_text(sum(counts.values())),
            counts=counts,
            nodes=[_affected(found, at, rung) for found, at in nodes],
            open_orders=[_orders(group, rung, mode) for group in orders],
            open_orders_total=subtree.total_text(sum(group.count for group in orders)),
            without_stop=[
                unprotected(asset, now) for asset in held[: exposure.POSITIONS] if asset.unprotected
            ],
            without_stop_more=len(held) > exposure.POSITIONS,
            stop_means=exposure.STOP_MEANS,
            as_of=now,
            cursor=str(nodes[-1][0].token_id) if len(nodes) == PAGE else None,
        )


async def path_of(tx: Tx, top: Node, cursor: UUID | None) -> list[UUID] | None:
    """Where the page before ended: a node of the same branch, or TokenNotFound."""
    if cursor is None:
        return None
    last = await store.get(tx, top.trader_id, cursor)
    if last is None or last.path[: len(top.path)] != top.path:
        raise TokenNotFound
    return last.path


def _affected(node: Node, level: Level, to: Rung) -> shapes.AffectedNode:
    state = _RUNGS[level]
    return shapes.AffectedNode(
        token_id=node.token_id,
        kind=node.kind,
        parent_id=node.parent_id,
        label=node.label,
        state=state.value,
        created_at=node.created_at,
        expires_at=node.expires_at,
        becomes=max(state, to).value,
    )


def _orders(group: exposure.OpenGroup, to: Rung, mode: CleanUpMode) -> shapes.OpenOrders:
    then: Literal["cancelled", "refused", "stays"] = "stays"
    if group.state == "held":
        then = "stays" if Verb.ORDER in ALLOWED[to] else "refused"
    elif to is Rung.REVOKED and (mode == "cancel_all" or is_entry(group.side)):
        then = "cancelled"
    return shapes.OpenOrders(
        venue=group.venue,
        market=group.market,
        side=group.side,
        state=group.state,
        count=group.count,
        quantity=format(group.quantity, "f"),
        then=then,
    )


def unprotected(asset: exposure.HeldAsset, now: datetime) -> shapes.Unprotected:
    return shapes.Unprotected(
        credential_id=asset.credential_id,
        venue=asset.venue,
        asset=asset.asset,
        held=format(asset.held, "f"),
        stopped=format(asset.stopped, "f"),
        selling=format(asset.selling, "f"),
        unprotected=format(asset.unprotected, "f"),
        markets=asset.markets,
        as_of=asset.as_of,
        orders_as_of=asset.orders_as_of,
        stale=_is_stale(asset.as_of, now) or _is_stale(asset.orders_as_of, now),
    )


def _is_stale(as_of: datetime | None, now: datetime) -> bool:
    age: timedelta | None = None if as_of is None else now - as_of
    return age is not None and age > STALE_AFTER
