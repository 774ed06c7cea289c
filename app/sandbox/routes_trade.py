"""Signed routes that trade: place, cancel, and look at one order. Shapes from rest-api.md."""

import secrets
from decimal import Decimal
from typing import Any

from app.sandbox.account import Account
from app.sandbox.auth import Permission
from app.sandbox.errors import (
    VenueError,
    bad_symbol,
    mandatory,
    no_such_order,
    not_required,
    rejected,
    unknown_order,
)
from app.sandbox.orders import NewOrder, Order, OrderType, SelfTrade, Side, Status, TimeInForce
from app.sandbox.params import CLIENT_ORDER_ID, SYMBOL, Params
from app.sandbox.render import ResponseType, cancelled_order, placed_order, queried_order
from app.sandbox.routing import Call, Route, Routes, fixed

# Types the venue knows and these markets do not offer.
OTHER_TYPES = {
    "STOP_LOSS": "Stop loss",
    "STOP_LOSS_LIMIT": "Stop loss limit",
    "TAKE_PROFIT": "Take profit",
    "TAKE_PROFIT_LIMIT": "Take profit limit",
}
RESTRICTIONS = {"ONLY_NEW": Status.NEW, "ONLY_PARTIALLY_FILLED": Status.PARTIALLY_FILLED}


def place_order(call: Call) -> Any:
    params, account = call.params, call.account
    symbol = symbol_of(call)
    new = read_order(params)
    kind = params.choice(
        "newOrderRespType", ResponseType, VenueError(-1136, "Invalid newOrderRespType.")
    )
    params.finish()
    meter = call.venue.meter
    meter.check_orders(account.account_id, call.now)
    order, trades = call.venue.exchange.place(account, symbol, new)
    # An order that trades at once is not counted. A fill that comes later does not give the count
    # back, which is stricter than the venue.
    used = meter.count_order(account.account_id, call.now, amount=0 if order.executed else 1)
    call.headers["X-MBX-ORDER-COUNT-10S"] = str(used[0])
    call.headers["X-MBX-ORDER-COUNT-1D"] = str(used[1])
    call.venue.house.refill(symbol)
    if kind is None:
        kind = ResponseType.ACK if order.type is OrderType.LIMIT_MAKER else ResponseType.FULL
    return placed_order(order, trades, kind)


def read_order(params: Params) -> NewOrder:
    """The order as sent, each type with exactly the parameters it has."""
    side = params.choice("side", Side, VenueError(-1117, "Invalid side."))
    if side is None:
        raise mandatory("side")
    kind = _read_type(params)
    tif = params.choice("timeInForce", TimeInForce, VenueError(-1115, "Invalid timeInForce."))
    price, quantity = params.decimal("price"), params.decimal("quantity")
    budget = params.decimal("quoteOrderQty")
    sent = {"timeInForce": tif, "price": price, "quantity": quantity, "quoteOrderQty": budget}
    needed: tuple[str, ...] = ("price", "quantity")
    if kind is OrderType.LIMIT:
        needed = ("timeInForce", *needed)
    elif kind is OrderType.MARKET:
        needed = _market_size(quantity, budget)
    for name, value in sent.items():
        if name in needed and value is None:
            raise mandatory(name)
        if name not in needed and value is not None:
            raise not_required(name)
    self_trade = params.choice(
        "selfTradePreventionMode",
        SelfTrade,
        rejected("This symbol does not allow the specified self-trade prevention mode."),
    )
    return NewOrder(
        client_order_id=params.matching("newClientOrderId", CLIENT_ORDER_ID) or generated_id(),
        side=side,
        type=kind,
        time_in_force=tif or TimeInForce.GTC,
        price=price or Decimal(0),
        quantity=quantity or Decimal(0),
        quote_quantity=budget or Decimal(0),
        self_trade=self_trade or SelfTrade.EXPIRE_MAKER,
    )


def get_order(call: Call) -> Any:
    order = named_order(call, missing=no_such_order())
    return queried_order(order)


def cancel_order(call: Call) -> Any:
    order = named_order(call, missing=unknown_order())
    cancel_id = call.params.matching("newClientOrderId", CLIENT_ORDER_ID) or generated_id()
    restriction = call.params.optional("cancelRestrictions")
    call.params.finish()
    if restriction is not None and restriction not in RESTRICTIONS:
        raise VenueError(-1145, "Invalid cancelRestrictions")
    if not order.is_open:
        raise unknown_order()
    if restriction is not None and order.status is not RESTRICTIONS[restriction]:
        raise VenueError(-2011, "Order was not canceled due to cancel restrictions.")
    call.venue.exchange.cancel(order)
    call.venue.house.refill(order.symbol)
    return cancelled_order(order, cancel_id=cancel_id)


def cancel_open_orders(call: Call) -> Any:
    symbol = symbol_of(call)
    call.params.finish()
    orders = open_orders_of(call.account, symbol)
    if not orders:
        raise unknown_order()
    for order in orders:
        call.venue.exchange.cancel(order)
    call.venue.house.refill(symbol)
    return [cancelled_order(order, cancel_id=generated_id()) for order in orders]


def symbol_of(call: Call) -> str:
    symbol = call.params.required("symbol")
    call.params.matching("symbol", SYMBOL)
    if symbol not in call.venue.exchange.markets:
        raise bad_symbol()
    return symbol


def open_orders_of(account: Account, symbol: str | None) -> list[Order]:
    return [o for o in account.open_orders.values() if symbol is None or o.symbol == symbol]


def named_order(call: Call, *, missing: VenueError) -> Order:
    """The caller's order by either id, or `missing`; another account's is missing too."""
    symbol = symbol_of(call)
    order_id = call.params.integer("orderId")
    client_order_id = call.params.optional("origClientOrderId")
    if order_id is None and client_order_id is None:
        raise VenueError(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    if order_id is not None:
        order = call.account.order(symbol, order_id)
    else:
        order = call.account.order_by_client_id(symbol, client_order_id or "")
    if order is None or client_order_id not in (None, order.client_order_id):
        raise missing
    return order


def generated_id() -> str:
    return secrets.token_hex(11)  # 22 characters, as the venue's own


def _read_type(params: Params) -> OrderType:
    name = params.required("type")
    if name in OTHER_TYPES:
        raise rejected(f"{OTHER_TYPES[name]} orders are not supported for this symbol.")
    kind = params.choice("type", OrderType, VenueError(-1116, "Invalid orderType."))
    if kind is None:
        raise mandatory("type")
    return kind


def _market_size(quantity: Decimal | None, budget: Decimal | None) -> tuple[str, ...]:
    if quantity is None and budget is None:
        raise VenueError(
            -1102,
            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
        )
    if quantity is not None and budget is not None:
        raise VenueError(-1128, "Combination of optional parameters invalid.")
    return ("quantity",) if budget is None else ("quoteOrderQty",)


ROUTES: Routes = {
    ("POST", "/api/v3/order"): Route(place_order, fixed(1), Permission.TRADE, mutates=True),
    ("GET", "/api/v3/order"): Route(get_order, fixed(4), Permission.USER_DATA),
    ("DELETE", "/api/v3/order"): Route(cancel_order, fixed(1), Permission.TRADE, mutates=True),
    ("DELETE", "/api/v3/openOrders"): Route(
        cancel_open_orders, fixed(1), Permission.TRADE, mutates=True
    ),
}
