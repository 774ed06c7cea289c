"""Symbol filters: how they read in exchangeInfo, and the check of an order against them.

Source: binance-spot-api-docs, filters.md. `avgPriceMins` is 0 here, which by that page means that
the last price stands where an average would.
"""

from decimal import Decimal
from typing import Any

from app.sandbox.errors import VenueError, filter_failure
from app.sandbox.markets import Market
from app.sandbox.money import text
from app.sandbox.orders import NewOrder, OrderType


def describe_filters(market: Market) -> list[dict[str, Any]]:
    up, down = str(market.multiplier_up), str(market.multiplier_down)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text(market.min_price),
            "maxPrice": text(market.max_price),
            "tickSize": text(market.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": text(market.min_quantity),
            "maxQty": text(market.max_quantity),
            "stepSize": text(market.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(Decimal(0)),
            "maxQty": text(market.max_market_quantity),
            "stepSize": text(Decimal(0)),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(market.min_notional),
            "applyMinToMarket": True,
            "maxNotional": text(market.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 0},
    ]


def check_price(market: Market, price: Decimal) -> None:
    if price <= 0:
        raise VenueError(-1013, "Invalid price.")
    if not market.min_price <= price <= market.max_price or price % market.tick:
        raise filter_failure("PRICE_FILTER")


def check_order(market: Market, new: NewOrder, *, last_price: Decimal, open_orders: int) -> None:
    """Raise the first filter the order fails; bounds come before products, so none overflows."""
    if new.type is not OrderType.MARKET:
        check_price(market, new.price)
    if new.quantity:
        _check_lots(market, new)
    if new.type is not OrderType.MARKET:
        _check_percent_price(market, new, last_price)
    _check_notional(market, new, last_price)
    if open_orders >= market.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")


def _check_lots(market: Market, new: NewOrder) -> None:
    quantity = new.quantity
    if not market.min_quantity <= quantity <= market.max_quantity or quantity % market.step:
        raise filter_failure("LOT_SIZE")
    if new.type is OrderType.MARKET and quantity > market.max_market_quantity:
        raise filter_failure("MARKET_LOT_SIZE")


def _check_percent_price(market: Market, new: NewOrder, last_price: Decimal) -> None:
    # Both sides have the same multipliers here; the filter's name keeps them apart.
    low, high = last_price * market.multiplier_down, last_price * market.multiplier_up
    if not low <= new.price <= high:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_notional(market: Market, new: NewOrder, last_price: Decimal) -> None:
    is_market = new.type is OrderType.MARKET
    price = last_price if is_market else new.price
    notional = new.quote_quantity or price * new.quantity
    too_large = notional > market.max_notional and not is_market
    if notional < market.min_notional or too_large:
        raise filter_failure("NOTIONAL")
