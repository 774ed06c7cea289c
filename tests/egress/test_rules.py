"""Decisions without a database or a network."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.core.ids import new_id
from app.egress import rules
from app.egress.pace import Pace
from app.egress.transport import Answer
from app.exchanges.answers import answers_of
from app.exchanges.models import OrderOutcome
from app.exchanges.models import OrderState as VenueState
from app.orders.models import FINAL, Order, OrderState, Outcome
from app.orders.rules import next_outcome

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def order(state: OrderState, filled: str = "0", **changes: Any) -> Order:
    made = Order(
        trader_id=new_id(),
        order_id=new_id(),
        grant_id=new_id(),
        credential_id=new_id(),
        sequence=1,
        venue_id="sandbox",
        market="BTCUSDT",
        side="buy",
        order_type="limit",
        quantity=Decimal(1),
        price=Decimal(50000),
        time_in_force="GTC",
        notional=Decimal(50000),
        quote="USDT",
        client_order_id="tcours",
        approval_id=None,
        state=state,
        rule=None,
        request_digest=bytes(32),
        venue_order_id=None,
        filled_quantity=Decimal(filled),
        venue_code=None,
        created_at=NOW,
        released_at=NOW,
        outcome_at=None,
    )
    return msgspec.structs.replace(made, **changes)


MOVES = {
    ("released", "unknown"), ("released", "accepted"), ("released", "partially_filled"),
    ("released", "filled"), ("released", "cancelled"), ("released", "rejected"),
    ("unknown", "accepted"), ("unknown", "partially_filled"), ("unknown", "filled"),
    ("unknown", "cancelled"), ("unknown", "rejected"),
    ("accepted", "partially_filled"), ("accepted", "filled"), ("accepted", "cancelled"),
    ("partially_filled", "filled"), ("partially_filled", "cancelled"),
}  # fmt: skip
"""What the trigger of `bot_order` allows, without repetitions."""


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize(
    "said", ["unknown", "accepted", "partially_filled", "filled", "cancelled", "rejected"]
)
def test_a_venue_word_moves_an_order_forward_or_not_at_all(state: OrderState, said: str) -> None:
    moved = next_outcome(order(state), Outcome(state=OrderState(said)))
    assert (moved is not None) == ((state.value, said) in MOVES)


def test_a_fill_that_is_known_is_never_taken_back() -> None:
    late = Outcome(state=OrderState.PARTIALLY_FILLED, filled_quantity=Decimal("0.2"))
    assert next_outcome(order(OrderState.PARTIALLY_FILLED, "0.5"), late) is None
    cancelled = Outcome(state=OrderState.CANCELLED, filled_quantity=Decimal("0.2"))
    moved = next_outcome(order(OrderState.PARTIALLY_FILLED, "0.5"), cancelled)
    assert moved is not None
    assert moved.filled_quantity == Decimal("0.5")


def test_a_growing_fill_is_news() -> None:
    more = Outcome(state=OrderState.PARTIALLY_FILLED, filled_quantity=Decimal("0.6"))
    assert next_outcome(order(OrderState.PARTIALLY_FILLED, "0.5"), more) is not None
    accepted = Outcome(state=OrderState.ACCEPTED, filled_quantity=Decimal("0.1"))
    moved = next_outcome(order(OrderState.RELEASED), accepted)
    assert moved is not None
    assert moved.state is OrderState.PARTIALLY_FILLED


def test_a_final_state_stays() -> None:
    for state in FINAL:
        for said in OrderState:
            assert next_outcome(order(state), Outcome(state=said)) is None


@pytest.mark.parametrize("changes", [{"client_order_id": "tcother"}, {"market": "ETHUSDT"}])
def test_an_answer_about_another_order_says_nothing(changes: dict[str, str]) -> None:
    fields: dict[str, Any] = {"client_order_id": "tcours", "market": "BTCUSDT"} | changes
    said = OrderOutcome(state=VenueState.FILLED, **fields)
    outcome = rules.outcome_of(order(OrderState.RELEASED), said)
    assert (outcome.state, outcome.venue_code) == (OrderState.UNKNOWN, "wrong-order")


@pytest.mark.parametrize(
    ("verb", "status", "body", "absent"),
    [
        ("status", 400, b'{"code":-2013,"msg":"Order does not exist."}', True),
        ("status", 500, b'{"code":-2013,"msg":"Order does not exist."}', False),
        ("status", 400, b'{"code":-1121,"msg":"Invalid symbol."}', False),
        ("cancel", 400, b'{"code":-2011,"msg":"Unknown order sent."}', True),
        ("cancel", 400, b'{"code":-2011,"msg":"Market is closed."}', False),
        ("order", 400, b'{"code":-2013,"msg":"Order does not exist."}', False),
        ("status", 400, b"Unknown order sent", False),
    ],
)
def test_only_the_plain_word_is_absence(verb: Any, status: int, body: bytes, absent: bool) -> None:  # noqa: FBT001
    said = answers_of("binance").parse_outcome(status, body, verb=verb)
    assert rules.is_absent("binance", verb, Answer(status, body), said) is absent


def test_absence_counts_once_the_request_window_and_its_grace_are_over() -> None:
    released = order(OrderState.RELEASED)
    late = NOW + timedelta(seconds=30)
    assert rules.can_still_arrive(released, window_seconds=10, now=late)
    assert not rules.can_still_arrive(
        released, window_seconds=10, now=late + timedelta(microseconds=1)
    )


def test_answers_that_shut_out_pause_scheduled_reads_as_long_as_the_venue_says() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert pace.take("ticker")
    pace.learn(Answer(429, b"", retry_after=7))
    assert not pace.take("ticker")
    now = 7.0
    assert pace.take("ticker")
    pace.learn(Answer(418, b"", retry_after=999_999))
    now = 306.9
    assert not pace.take("order")
    now = 307.1
    assert pace.take("order")


def test_reads_keep_to_half_of_what_the_venue_allows() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    taken = 0
    for second in range(600):
        now = float(second)
        while pace.take("balances"):
            taken += 20
    assert 2_900 <= taken / 10 <= 3_150
    assert pace.take("ticker"), "prices have an allowance of their own"


def test_a_crowded_address_waits() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    pace.learn(Answer(200, b"", used_weight=4_801))
    assert not pace.take("balances")
    now = 5.1
    assert pace.take("balances")
