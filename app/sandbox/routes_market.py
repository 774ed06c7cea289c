"""Public routes: time, rules, prices, depth. Shapes from rest-api.md."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from app.sandbox.engine import LiveMarket
from app.sandbox.filters import describe_filters
from app.sandbox.limits import Limits
from app.sandbox.money import ZERO, text
from app.sandbox.orders import OrderType, SelfTrade
from app.sandbox.params import Params
from app.sandbox.routing import Call, Route, Routes, by_symbol, fixed
from app.sandbox.ticker import DAY_MINUTES, MINUTE_MS

MAX_DEPTH = 5_000
DEFAULT_DEPTH = 100


def ping(_: Call) -> Any:
    return {}


def server_time(call: Call) -> Any:
    return {"serverTime": call.now}


def exchange_info(call: Call) -> Any:
    call.params.optional("permissions")
    call.params.optional("showPermissionSets")
    return {
        "timezone": "UTC",
        "serverTime": call.now,
        "rateLimits": _rate_limits(call.venue.meter.limits),
        "exchangeFilters": [],
        "symbols": [_symbol(live) for live in _chosen(call)[0]],
    }


def no_markets(call: Call) -> Any:
    """Futures, which the unmodified client asks for at `load_markets`: there are none."""
    return {
        "timezone": "UTC",
        "serverTime": call.now,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


def price(call: Call) -> Any:
    return _each(
        call,
        lambda live: {
            "symbol": live.rules.symbol,
            "price": text(live.ticker.last_price),
        },
    )


def average_price(call: Call) -> Any:
    live = call.venue.exchange.market(call.params.required("symbol"))
    return {"mins": 0, "price": text(live.ticker.last_price), "closeTime": call.now}


def book_ticker(call: Call) -> Any:
    return _each(call, lambda live: {"symbol": live.rules.symbol, **_top(live)})


def day_ticker(call: Call) -> Any:
    return _each(call, lambda live: _day(live, call.now))


def depth(call: Call) -> Any:
    live = call.venue.exchange.market(call.params.required("symbol"))
    limit = min(call.params.integer("limit") or DEFAULT_DEPTH, MAX_DEPTH)
    return {
        "lastUpdateId": live.update_id,
        "bids": [[text(p), text(q)] for p, q in live.book.bids.depth(limit)],
        "asks": [[text(p), text(q)] for p, q in live.book.asks.depth(limit)],
    }


def _depth_weight(params: Params) -> int:
    limit = params.integer("limit") or DEFAULT_DEPTH
    for bound, weight in ((100, 5), (500, 25), (1_000, 50)):
        if limit <= bound:
            return weight
    return 250


def _chosen(call: Call) -> tuple[list[LiveMarket], bool]:
    """The markets asked for, and whether exactly one was named (it answers without a list)."""
    names = call.params.symbols()
    if names is None:
        return list(call.venue.exchange.markets.values()), False
    single = call.params.optional("symbol") is not None
    return [call.venue.exchange.market(name) for name in names], single


def _each(call: Call, show: Any) -> Any:
    markets, single = _chosen(call)
    return show(markets[0]) if single else [show(live) for live in markets]


def _top(live: LiveMarket) -> dict[str, str]:
    bid = next(iter(live.book.bids.depth(1)), (ZERO, ZERO))
    ask = next(iter(live.book.asks.depth(1)), (ZERO, ZERO))
    return {
        "bidPrice": text(bid[0]),
        "bidQty": text(bid[1]),
        "askPrice": text(ask[0]),
        "askQty": text(ask[1]),
    }


def _day(live: LiveMarket, now: int) -> dict[str, Any]:
    day, last = live.ticker.window(now), live.ticker.last_price
    average = day.quote_volume / day.volume if day.volume else last
    percent = (last - day.open) / day.open * 100
    return {
        "symbol": live.rules.symbol,
        "priceChange": text(last - day.open),
        "priceChangePercent": str(percent.quantize(Decimal("0.001"), rounding=ROUND_HALF_EVEN)),
        "weightedAvgPrice": text(average),
        "prevClosePrice": text(day.open),
        "lastPrice": text(last),
        "lastQty": text(live.ticker.last_quantity),
        **_top(live),
        "openPrice": text(day.open),
        "highPrice": text(day.high),
        "lowPrice": text(day.low),
        "volume": text(day.volume),
        "quoteVolume": text(day.quote_volume),
        "openTime": now - DAY_MINUTES * MINUTE_MS,
        "closeTime": now,
        "firstId": day.first_trade_id,
        "lastId": live.next_trade_id - 1 if day.count else -1,
        "count": day.count,
    }


def _symbol(live: LiveMarket) -> dict[str, Any]:
    rules = live.rules
    return {
        "symbol": rules.symbol,
        "status": "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [kind.value for kind in OrderType],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": describe_filters(rules),
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": SelfTrade.EXPIRE_MAKER.value,
        "allowedSelfTradePreventionModes": [mode.value for mode in SelfTrade],
    }


def _rate_limits(limits: Limits) -> list[dict[str, Any]]:
    rows = (
        ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        ("ORDERS", "SECOND", 10, limits.orders_per_10_seconds),
        ("ORDERS", "DAY", 1, limits.orders_per_day),
    )
    return [
        {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
        for kind, interval, number, limit in rows
        if limit
    ]


def system_status(_: Call) -> Any:
    return {"status": 0, "msg": "normal"}


ROUTES: Routes = {
    ("GET", "/api/v3/ping"): Route(ping, fixed(1)),
    ("GET", "/api/v3/time"): Route(server_time, fixed(1)),
    ("GET", "/api/v3/exchangeInfo"): Route(exchange_info, fixed(20)),
    ("GET", "/fapi/v1/exchangeInfo"): Route(no_markets, fixed(1)),
    ("GET", "/dapi/v1/exchangeInfo"): Route(no_markets, fixed(1)),
    ("GET", "/api/v3/ticker/price"): Route(price, by_symbol(2, 4)),
    ("GET", "/api/v3/ticker/bookTicker"): Route(book_ticker, by_symbol(2, 4)),
    ("GET", "/api/v3/ticker/24hr"): Route(day_ticker, by_symbol(2, 80)),
    ("GET", "/api/v3/avgPrice"): Route(average_price, fixed(2)),
    ("GET", "/api/v3/depth"): Route(depth, _depth_weight),
    ("GET", "/sapi/v1/system/status"): Route(system_status, fixed(1)),
}
