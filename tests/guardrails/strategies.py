"""Random orders and limits of like sizes, so that every rule passes and refuses."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from app.guardrails.models import NodeLimits, OrderTerms
from tests.guardrails.support import NOW, limit, market, node, usdt

_SIDES = st.sampled_from(["buy", "sell"])
_QUANTITIES = st.integers(10, 4_000).map(lambda steps: Decimal(steps).scaleb(-5))
_PRICES = st.integers(4_450_000, 5_550_000).map(lambda ticks: Decimal(ticks).scaleb(-2))
_MONEY = st.sampled_from([0, 100, 1500, 2000, 2500, "499.99", 500, "505", 1000, 2500, 5000]).map(
    usdt
)
_TIMES = st.sampled_from([-1, 0, 1]).map(lambda seconds: NOW + timedelta(seconds=seconds))


def _mostly(usual: Any, unusual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`usual` in most cases, so that the other rules get their turn."""
    return st.integers(0, 9).flatmap(lambda die: unusual if die == 0 else st.just(usual))


ORDERS: st.SearchStrategy[OrderTerms] = st.builds(
    lambda quantity, price, side: limit(quantity, price, side=side), _QUANTITIES, _PRICES, _SIDES
) | st.builds(lambda quantity, side: market(quantity, side=side), _QUANTITIES, _SIDES)


def nodes(node_id: UUID) -> st.SearchStrategy[NodeLimits]:
    def some(*words: str) -> st.SearchStrategy[tuple[str, ...]]:
        return _mostly(words, st.lists(st.sampled_from(words), unique=True).map(tuple))

    return st.builds(
        node,
        st.just(node_id),
        markets=some("BTCUSDT", "ETHUSDT"),
        order_types=some("limit", "market"),
        sides=some("buy", "sell"),
        max_order=_MONEY,
        allocation=_MONEY,
        free_limit=_MONEY,
        expires_at=_mostly(None, _TIMES),
    )
