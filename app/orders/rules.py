"""Which word of a venue moves an order, and where to."""

import msgspec

from app.orders.models import AT_VENUE, IN_DOUBT, Order, OrderState, Outcome

_FROM_VENUE = frozenset({OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELLED})
"""What an order the venue has accepted can still become. `rejected` is not among them."""


def is_entry(side: str | None) -> bool:
    """Whether clean-up cancels an open order in mode `cancel_entries`.

    What bots place today is spot, limit or market. There a sell is what `reduce_only` means
    (DESIGN section 5): a held base into its quote, and the venue itself locks what it sells. It
    takes a profit or stops a loss, so that mode leaves it; a buy enters. In doubt: an entry.
    """
    return side != "sell"


def next_outcome(order: Order, said: Outcome) -> Outcome | None:
    """The outcome to store, or None where `said` is old, unclear or already known.

    Answers overtake each other: the reply to the order itself, a status read and the list of open
    orders may arrive in any order. What is stored therefore only grows.
    """
    filled = max(order.filled_quantity, said.filled_quantity or order.filled_quantity)
    merged = msgspec.structs.replace(
        said,
        venue_order_id=said.venue_order_id or order.venue_order_id,
        filled_quantity=filled,
        state=_state(order, said, grew=filled > order.filled_quantity),
    )
    if order.state in IN_DOUBT:
        moved = merged.state is not order.state
    elif order.state in AT_VENUE:
        moved = merged.state in _FROM_VENUE and (
            merged.state is not order.state or filled > order.filled_quantity
        )
    else:
        moved = False
    return merged if moved else None


def _state(order: Order, said: Outcome, *, grew: bool) -> OrderState:
    # "Accepted" with a fill we did not know of is a partial fill, whatever the word.
    if said.state is OrderState.ACCEPTED and (grew or order.filled_quantity > 0):
        return OrderState.PARTIALLY_FILLED
    return said.state
