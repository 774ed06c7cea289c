"""What reading answers has in common: refusals, states, averages. What is not plain is unknown."""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from app.exchanges import strictjson
from app.exchanges.dialect import Verb
from app.exchanges.errors import PermissionsRefused, VenueAnswerUnknown, VenueSaidNo
from app.exchanges.models import (
    OrderOutcome,
    OrderState,
    Side,
    VenueBalance,
    VenueTicker,
)

OK = 200
_MEANS = Context(prec=28)
_EXACT = Context(prec=60)


class Reading:
    """Outcomes, for a venue that says how its answers are wrapped and what an order looks like."""

    def __init__(self, venue: str) -> None:
        self.venue = venue

    def _unwrap(self, status: int, body: bytes) -> Any:
        """What is inside the answer; raises VenueSaidNo for the venue's own errors."""
        raise NotImplementedError

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        raise NotImplementedError

    def parse_outcome(self, status: int, body: bytes, *, verb: Verb = "order") -> OrderOutcome:
        try:
            return self._outcome(self._unwrap(status, body), verb)
        except VenueSaidNo as said:
            # Only a refused order is an order that does not exist: a refused cancel or status
            # read leaves it as it was.
            rejected = verb == "order" and said.decided
            state = OrderState.REJECTED if rejected else OrderState.UNKNOWN
            return OrderOutcome(state=state, venue_code=said.rule)
        except VenueAnswerUnknown:
            return OrderOutcome(state=OrderState.UNKNOWN, venue_code=f"http-{status}")


def accepted(venue_order_id: str, client_order_id: str | None = None) -> OrderOutcome:
    """The venue took the order and says no more than that."""
    return OrderOutcome(
        state=OrderState.ACCEPTED,
        venue_order_id=venue_order_id,
        client_order_id=client_order_id,
    )


def average(filled_quote: Decimal, filled: Decimal) -> Decimal | None:
    return _MEANS.divide(filled_quote, filled) if filled else None


def product(price: Decimal, quantity: Decimal) -> Decimal:
    """Exact, whatever the process's decimal context is."""
    return _EXACT.multiply(price, quantity)


def total(entry: dict[str, Any], *names: str) -> Decimal:
    """Sum of some fields of one entry."""
    found = Decimal(0)
    for name in names:
        found = _EXACT.add(found, strictjson.decimal(entry, name))
    return found


def side_of(entry: dict[str, Any], name: str, buy: str, sell: str) -> Side:
    """Which of two words stands in `entry[name]`, or raise VenueAnswerUnknown."""
    word = entry.get(name)
    if word == buy:
        return "buy"
    if word == sell:
        return "sell"
    raise VenueAnswerUnknown(rule=name)


def state_of(entry: dict[str, Any], name: str, states: Mapping[str, OrderState]) -> OrderState:
    state = states.get(strictjson.text(entry, name))
    if state is None:
        raise VenueAnswerUnknown(rule=name)
    return state


def only(rows: list[dict[str, Any]], rule: str) -> dict[str, Any]:
    """The one row of an answer that must have exactly one."""
    if len(rows) != 1:
        raise VenueAnswerUnknown(rule=rule)
    return rows[0]


def balances_of(balances: list[VenueBalance]) -> tuple[VenueBalance, ...]:
    """Each asset once, empty ones left out."""
    if len({balance.asset for balance in balances}) != len(balances):
        raise VenueAnswerUnknown(rule="asset")
    return tuple(balance for balance in balances if balance.free or balance.locked)


def ticker_of(market: str, bid: Decimal, ask: Decimal, last: Decimal | None) -> VenueTicker:
    if not 0 < bid <= ask or last == 0:  # an empty or crossed book has no price
        raise VenueAnswerUnknown(rule="no_price")
    return VenueTicker(market=market, bid=bid, ask=ask, last=last)


def check_rights(
    granted: list[str], *, needed: frozenset[str], allowed: frozenset[str]
) -> tuple[str, ...]:
    """Exactly the allowed rights, sorted.

    A list of what is forbidden would miss the right that the venue invents next year.

    Raises
    ------
    PermissionsRefused
        `rule` is the first right that is not on the list, or that is needed and missing.
    """
    for name in sorted(granted):
        if name not in needed | allowed:
            raise PermissionsRefused(rule=name[:64] or "empty")
    for name in sorted(needed.difference(granted)):
        raise PermissionsRefused(rule=name)
    return tuple(sorted(set(granted)))
