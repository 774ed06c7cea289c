"""A grant under a credential, a market at 50,000, and the outcome of a decision as one value."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from app.guardrails.errors import GuardrailRefused
from app.guardrails.models import (
    MarketView,
    Money,
    NodeLimits,
    NodeUsage,
    OrderTerms,
    Permit,
    Policy,
    RequireApproval,
    State,
    Verdict,
)
from app.guardrails.rules import decide
from app.guardrails.rungs import Rung

NOW = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)
CREDENTIAL, GRANT = UUID(int=1), UUID(int=2)


def usdt(amount: object) -> Money:
    return Money(amount=Decimal(str(amount)), quote="USDT")


def node(node_id: Any = GRANT, **changes: Any) -> NodeLimits:
    fields: dict[str, Any] = {
        "node_id": node_id,
        "markets": ("BTCUSDT",),
        "max_order": usdt(2000),
        "allocation": usdt(5000),
        "free_limit": usdt(1000),
    }
    return NodeLimits(**(fields | changes))


def policy(*nodes: NodeLimits, **changes: Any) -> Policy:
    fields: dict[str, Any] = {
        "nodes": nodes or (node(CREDENTIAL, max_order=usdt(3000)), node()),
    }
    return Policy(**(fields | changes))


def state(limits: Policy | None = None, **changes: Any) -> State:
    used: Mapping[UUID, Decimal] = changes.pop("used", {})
    usage = tuple(
        NodeUsage(
            node_id=item.node_id,
            quote="USDT",
            reserved=used.get(item.node_id, Decimal(0)),
            filled=Decimal(0),
        )
        for item in (limits or policy()).nodes
    )
    fields: dict[str, Any] = {"rung": Rung.ACTIVE, "usage": usage}
    return State(**(fields | changes))


def view(**changes: Any) -> MarketView:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "trading": True,
        "bid": Decimal("49999.99"),
        "ask": Decimal("50000.00"),
        "last": Decimal("50000.00"),
        "as_of": NOW - timedelta(seconds=1),
        "tick_size": Decimal("0.01000000"),
        "min_price": Decimal("0.01"),
        "max_price": Decimal(1_000_000),
        "step_size": Decimal("0.00001000"),
        "min_quantity": Decimal("0.00001"),
        "max_quantity": Decimal(9000),
        "min_notional": Decimal(5),
        "max_notional": Decimal(9_000_000),
    }
    return MarketView(**(fields | changes))


def limit(quantity: object = "0.01", price: object = "50000.00", **changes: Any) -> OrderTerms:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "quantity": Decimal(str(quantity)),
        "price": None if price is None else Decimal(str(price)),
        "time_in_force": "GTC",
    }
    return OrderTerms(**(fields | changes))


def market(quantity: object = "0.01", **changes: Any) -> OrderTerms:
    return limit(quantity, **({"type": "market", "price": None, "time_in_force": None} | changes))


def decided(
    order: OrderTerms | None = None,
    limits: Policy | None = None,
    now: datetime = NOW,
    *,
    at: State | None = None,
    prices: MarketView | None = None,
) -> Verdict:
    limits = limits or policy()
    return decide(limits, at or state(limits), order or limit(), prices or view(), now)


def outcome(*arguments: Any, **named: Any) -> tuple[int, str | None, str | None]:
    """Rank (0 refused, 1 approval needed, 2 permitted), rule and node."""
    try:
        verdict = decided(*arguments, **named)
    except GuardrailRefused as refused:
        return 0, refused.rule, refused.node
    match verdict:
        case RequireApproval():
            return 1, None, str(verdict.node_id)
        case Permit():
            return 2, None, None


def rule_of(*arguments: Any, **named: Any) -> str | None:
    rank, rule, _ = outcome(*arguments, **named)
    return rule if rank == 0 else None


_Struct = TypeVar("_Struct", bound=msgspec.Struct)


def changed(struct: _Struct, **changes: Any) -> _Struct:
    return msgspec.structs.replace(struct, **changes)
