"""The venue's own limits, checked before anything is signed. Nothing is ever rounded to fit."""

from decimal import Decimal

from app.guardrails.amounts import is_multiple, times
from app.guardrails.errors import VenueFilterRefused
from app.guardrails.models import MarketView


def check_filters(market: MarketView, *, price: Decimal, quantity: Decimal) -> None:
    """Raise VenueFilterRefused with the first filter that a limit order does not meet."""
    notional = times(price, quantity)
    met = {
        "tick_size": market.tick_size is None or is_multiple(price, market.tick_size),
        "min_price": market.min_price is None or price >= market.min_price,
        "max_price": market.max_price is None or price <= market.max_price,
        "step_size": market.step_size is None or is_multiple(quantity, market.step_size),
        "min_quantity": market.min_quantity is None or quantity >= market.min_quantity,
        "max_quantity": market.max_quantity is None or quantity <= market.max_quantity,
        "min_notional": market.min_notional is None or notional >= market.min_notional,
        "max_notional": market.max_notional is None or notional <= market.max_notional,
    }
    for name, is_met in met.items():
        if not is_met:
            raise VenueFilterRefused(filter_name=name)
