"""What an answer means for what we do next. Pure: no clock, no I/O."""

from datetime import datetime, timedelta
from http import HTTPStatus

from app.egress.transport import Answer
from app.exchanges.dialect import Verb
from app.exchanges.models import OrderOutcome
from app.exchanges.models import OrderState as VenueState
from app.orders.models import Order, OrderState, Outcome

NOT_SENT = "not-sent"
NO_ANSWER = "no-answer"
WRONG_ORDER = "wrong-order"

ARRIVAL_GRACE = timedelta(seconds=20)
"""Added to a venue's request window before "no such order" counts as an answer: clocks a second
apart, a queue in front of the matching engine, reads from a copy that lags.
"""

_ATTEMPT_GAPS = (1, 3, 11, 45)
_LAST_GAP = 60
"""Seconds between clean-up attempts: at 0, 1, 4, 15, 60 s, then every minute (DESIGN section 5)."""

_REFUSED_CLIENTS = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT, HTTPStatus.FORBIDDEN}
)
"""429, 418 (Binance: banned) and 403 (its firewall): whoever goes on is shut out for longer."""

_READABLE = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})

_FORWARD_LIMIT_BYTES = 64 * 1024


def outcome_of(order: Order, said: OrderOutcome) -> Outcome:
    """The venue's word in the words of our rows; an answer about another order says nothing."""
    if (said.client_order_id or order.client_order_id) != order.client_order_id or (
        said.market or order.market
    ) != order.market:
        return Outcome(state=OrderState.UNKNOWN, venue_code=WRONG_ORDER)
    return Outcome(
        state=OrderState(said.state.value),
        venue_order_id=said.venue_order_id,
        filled_quantity=said.filled_quantity,
        venue_code=said.venue_code,
    )


def is_absent(dialect: str, verb: Verb, answer: Answer, said: OrderOutcome) -> bool:
    """Whether the venue says that it has no such order (`status`), or none open (`cancel`).

    Source: Binance spot API, errors.md: -2013 NO_SUCH_ORDER; -2011 CANCEL_REJECTED with "Unknown
    order sent." (the code alone also covers refusals of cancels of orders that exist).
    """
    if dialect != "binance" or answer.status != HTTPStatus.BAD_REQUEST:
        return False
    if said.state is not VenueState.UNKNOWN:
        return False
    match verb:
        case "status":
            return said.venue_code == "-2013"
        case "cancel":
            return said.venue_code == "-2011" and b"Unknown order sent" in answer.body
        case "order":
            return False


def can_still_arrive(order: Order, *, window_seconds: float, now: datetime) -> bool:
    """Whether the venue may yet take an order that it does not have at `now`."""
    if order.released_at is None:
        return False
    return now <= order.released_at + timedelta(seconds=window_seconds) + ARRIVAL_GRACE


def next_attempt_at(attempts: int, *, now: datetime, deadline: datetime) -> datetime:
    """When to try again after attempt number `attempts` (from 1); the deadline at the latest."""
    gap = _ATTEMPT_GAPS[attempts - 1] if attempts <= len(_ATTEMPT_GAPS) else _LAST_GAP
    return min(now + timedelta(seconds=gap), deadline)


def shuts_out(answer: Answer) -> bool:
    return answer.status in _REFUSED_CLIENTS


def says_something_of_the_key(answer: Answer) -> bool:
    """Whether the signer should see this answer to a read of a key's permissions.

    An overloaded venue or a firewall says nothing of the key: ask again instead.
    """
    return answer.status in _READABLE and len(answer.body) <= _FORWARD_LIMIT_BYTES
