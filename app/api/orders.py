"""/v1/orders, /v1/balances: what bots place, and what the account shows."""

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Response

from app.accesslog.models import Event
from app.api import shapes
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.core.token import TokenKind
from app.orders import store
from app.orders.errors import OrderNotFound
from app.orders.models import AT_VENUE, Order, OrderState
from app.verbs import wire

PAGE = 100
STALE_AFTER = timedelta(seconds=30)
"""Data age of positions and balances (DESIGN section 10)."""

_BALANCES = """
    SELECT b.credential_id, c.venue_id, b.asset, b.free, b.locked, b.as_of
      FROM venue_balance b
      JOIN exchange_credential c ON c.trader_id = b.trader_id
                                AND c.credential_id = b.credential_id
     WHERE b.trader_id = $1 AND ($2::uuid IS NULL OR b.credential_id = $2)
     ORDER BY b.credential_id, b.asset
"""

StateName = Literal[
    "open", "held", "released", "accepted", "partially_filled", "filled", "cancelled", "rejected",
    "refused", "expired", "unknown",
]  # fmt: skip
StateFilter = Annotated[StateName | None, QueryParameter(name="state")]


class OrderController(Controller):
    path = "/v1/orders"
    tags = ("orders",)

    @post()
    async def place(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewOrder],
        services: NamedDependency[Services],
    ) -> Response[shapes.OrderPlaced]:
        """Place a model-signed order: 201 when released, 202 when a person is asked."""
        principal = await services.edge.token(request, TokenKind.GRANT)
        outcome: wire.OrderOutcome = await services.ask_signer(
            request,
            wire.SignOrder(
                trader_id=principal.trader,
                grant_id=principal.token_id,
                order=data.order,
                approval_id=None,
                origin=principal.origin,
            ),
        )
        placed = shapes.OrderPlaced(
            order_id=outcome.order_id,
            state=outcome.state,
            client_order_id=outcome.client_order_id,
            sequence=outcome.sequence,
            approval_id=outcome.approval_id,
        )
        return Response(placed, status_code=202 if outcome.state == "held" else 201)

    @get()
    async def list_all(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        in_state: StateFilter = None,
        cursor: FromQuery[UUID | None] = None,
    ) -> shapes.Page:
        """Orders by id; `state=open` are those that may be alive at the venue."""
        principal = await _reader(services, request)
        async with services.db.session() as tx:
            found = await store.page(
                tx,
                principal.trader,
                grant_id=_own_grant(principal),
                states=_states(in_state),
                after=cursor or UUID(int=0),
                limit=PAGE,
            )
        await services.edge.log(principal, Event.ORDERS_READ)
        return shapes.Page(
            items=[view(order) for order in found],
            cursor=str(found[-1].order_id) if len(found) == PAGE else None,
        )

    @get("/{order_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        order_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> dict[str, Any]:
        principal = await _reader(services, request)
        own = _own_grant(principal)
        async with services.db.session() as tx:
            order = await store.get(tx, principal.trader, order_id)
        if order is None or own not in {None, order.grant_id}:
            raise OrderNotFound
        await services.edge.log(principal, Event.ORDERS_READ, subject_id=order_id)
        return view(order)


class BalanceController(Controller):
    path = "/v1/balances"
    tags = ("orders",)

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> shapes.Page:
        """Balances as last read from each venue; `stale` when older than 30 seconds."""
        principal = await _reader(services, request)
        credential_id = principal.path[1] if principal.kind is TokenKind.GRANT else None
        async with services.db.session() as tx:
            rows = await tx.fetch(_BALANCES, principal.trader, credential_id)
        await services.edge.log(principal, Event.BALANCES_READ)
        now = services.clock.now()
        return shapes.Page(
            items=[
                {
                    "venue": row["venue_id"],
                    "credential_id": row["credential_id"],
                    "asset": row["asset"],
                    "free": format(row["free"], "f"),
                    "locked": format(row["locked"], "f"),
                    "as_of": row["as_of"],
                    "stale": now - row["as_of"] > STALE_AFTER,
                }
                for row in rows
            ]
        )


async def _reader(services: Services, request: AnyRequest) -> Principal:
    return await services.edge.token(request, TokenKind.GRANT, TokenKind.DEVICE, TokenKind.SESSION)


def _own_grant(principal: Principal) -> UUID | None:
    """A bot sees its own orders only."""
    return principal.token_id if principal.kind is TokenKind.GRANT else None


def _states(name: StateName | None) -> Collection[OrderState] | None:
    if name is None:
        return None
    if name == "open":
        return [*AT_VENUE, OrderState.RELEASED, OrderState.UNKNOWN]
    return [OrderState(name)]


def view(order: Order) -> dict[str, Any]:
    """An order as its bot and its trader see it; amounts as decimal strings."""

    def text(amount: Any) -> str | None:
        return None if amount is None else format(amount, "f")

    return {
        "order_id": order.order_id,
        "grant_id": order.grant_id,
        "sequence": order.sequence,
        "state": order.state,
        "rule": order.rule,
        "venue": order.venue_id,
        "market": order.market,
        "side": order.side,
        "type": order.order_type,
        "quantity": text(order.quantity),
        "price": text(order.price),
        "filled_quantity": text(order.filled_quantity),
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "approval_id": order.approval_id,
        "created_at": order.created_at,
    }
