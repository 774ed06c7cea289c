"""Signed routes that only read: account, orders, trades, key restrictions. Shapes from rest-api.md
and the wallet documentation (`apiRestrictions`, `capital/config/getall`, `asset/tradeFee`).
"""

from typing import Any, TypeVar

import msgspec

from app.sandbox.auth import Permission
from app.sandbox.errors import VenueError
from app.sandbox.markets import ASSETS, FEE_RATE
from app.sandbox.money import ZERO, text
from app.sandbox.params import Params
from app.sandbox.render import own_trade, queried_order
from app.sandbox.routes_trade import open_orders_of, symbol_of
from app.sandbox.routing import Call, Route, Routes, by_symbol, fixed

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000
DAY_MS = 86_400_000
FEE_BPS = int(FEE_RATE * 10_000)

Row = TypeVar("Row")


def account(call: Call) -> Any:
    holder = call.account
    skip_zero = call.params.boolean("omitZeroBalances")
    assets = dict.fromkeys((*ASSETS, *holder.balances))
    rows = [(asset, holder.balances[asset]) for asset in assets]
    restrictions = call.key.restrictions
    return {
        "makerCommission": FEE_BPS,
        "takerCommission": FEE_BPS,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": text(FEE_RATE),
            "taker": text(FEE_RATE),
            "buyer": text(ZERO),
            "seller": text(ZERO),
        },
        "canTrade": restrictions.enable_spot_and_margin_trading,
        "canWithdraw": restrictions.enable_withdrawals,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": holder.update_time,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": text(balance.free), "locked": text(balance.locked)}
            for asset, balance in rows
            if not skip_zero or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": int(holder.account_id),
    }


def open_orders(call: Call) -> Any:
    symbol = None
    if call.params.optional("symbol") is not None:
        symbol = symbol_of(call)
    return [queried_order(order) for order in open_orders_of(call.account, symbol)]


def all_orders(call: Call) -> Any:
    symbol = symbol_of(call)
    first = call.params.integer("orderId")
    start, end, limit = _page(call.params)
    orders = [
        order
        for order in call.account.orders(symbol)
        if (first is None or order.order_id >= first) and start <= order.time <= end
    ]
    oldest_first = first is not None or start > 0
    return [queried_order(order) for order in _cut(orders, limit, oldest_first=oldest_first)]


def my_trades(call: Call) -> Any:
    symbol = symbol_of(call)
    order_id, first = call.params.integer("orderId"), call.params.integer("fromId")
    start, end, limit = _page(call.params)
    trades = [
        trade
        for trade in call.account.trades(symbol)
        if (order_id is None or trade.order_id == order_id)
        and (first is None or trade.trade_id >= first)
        and start <= trade.time <= end
    ]
    oldest_first = first is not None or start > 0
    return [own_trade(trade) for trade in _cut(trades, limit, oldest_first=oldest_first)]


def api_restrictions(call: Call) -> Any:
    return msgspec.to_builtins(call.key.restrictions)


def coins(call: Call) -> Any:
    """Assets without deposit networks: nothing can leave this venue."""
    return [
        {
            "coin": asset,
            "name": name,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": text(call.account.balances[asset].free),
            "locked": text(call.account.balances[asset].locked),
            "freeze": text(ZERO),
            "withdrawing": text(ZERO),
            "ipoing": text(ZERO),
            "ipoable": text(ZERO),
            "storage": text(ZERO),
            "isLegalMoney": False,
            "trading": True,
            "networkList": [],
        }
        for asset, name in ASSETS.items()
    ]


def trade_fees(call: Call) -> Any:
    one = call.params.optional("symbol")
    symbols = [symbol_of(call)] if one is not None else list(call.venue.exchange.markets)
    rate = str(FEE_RATE)
    return [
        {"symbol": symbol, "makerCommission": rate, "takerCommission": rate} for symbol in symbols
    ]


def no_pairs(_: Call) -> Any:
    """Margin pairs, for clients that ask: there are none."""
    return []


def _page(params: Params) -> tuple[int, int, int]:
    """Start and end in milliseconds, and how many rows at most."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is not None:
        if start > end:
            raise VenueError(-1023, "Start time is greater than end time.")
        if end - start > DAY_MS:
            raise VenueError(-1127, "More than 24 hours between startTime and endTime.")
    limit = params.integer("limit")
    wanted = DEFAULT_LIMIT if limit is None else min(limit, MAX_LIMIT)
    return start or 0, end or 2**63, wanted


def _cut(rows: list[Row], limit: int, *, oldest_first: bool) -> list[Row]:
    return rows[:limit] if oldest_first else rows[max(0, len(rows) - limit) :]


def _trades_weight(params: Params) -> int:
    return 20 if params.optional("orderId") is None else 5


ROUTES: Routes = {
    ("GET", "/api/v3/account"): Route(account, fixed(20), Permission.USER_DATA),
    ("GET", "/api/v3/openOrders"): Route(open_orders, by_symbol(6, 80), Permission.USER_DATA),
    ("GET", "/api/v3/allOrders"): Route(all_orders, fixed(20), Permission.USER_DATA),
    ("GET", "/api/v3/myTrades"): Route(my_trades, _trades_weight, Permission.USER_DATA),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(api_restrictions, fixed(1), Permission.ANY),
    ("GET", "/sapi/v1/capital/config/getall"): Route(coins, fixed(10), Permission.USER_DATA),
    ("GET", "/sapi/v1/asset/tradeFee"): Route(trade_fees, fixed(1), Permission.USER_DATA),
    ("GET", "/sapi/v1/margin/allPairs"): Route(no_pairs, fixed(1), Permission.USER_DATA),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(no_pairs, fixed(10), Permission.USER_DATA),
}
