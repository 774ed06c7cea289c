"""What became of an order, from the venue's answer; doubt is `unknown`, never an exception."""

import json
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchanges.answers import answers_of
from app.exchanges.dialect import Verb
from app.exchanges.models import Fee, OrderState
from tests.exchanges.support import CLIENT_ID

_ANSWERS = answers_of("binance")
_VERBS: tuple[Verb, ...] = get_args(Verb)


def _order(**changes: Any) -> bytes:
    answer: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "clientOrderId": CLIENT_ID,
        "transactTime": 1507725176595,
        "price": "50000.00000000",
        "origQty": "10.00000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "fills": [],
    }
    return json.dumps(answer | changes).encode()


def _error(code: object, msg: str = "Sorry.") -> bytes:
    return json.dumps({"code": code, "msg": msg}).encode()


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("NEW", OrderState.ACCEPTED),
        ("PENDING_NEW", OrderState.ACCEPTED),
        ("PARTIALLY_FILLED", OrderState.PARTIALLY_FILLED),
        ("FILLED", OrderState.FILLED),
        ("CANCELED", OrderState.CANCELLED),
        ("EXPIRED", OrderState.CANCELLED),
        ("EXPIRED_IN_MATCH", OrderState.CANCELLED),
        ("REJECTED", OrderState.REJECTED),
        ("PENDING_CANCEL", OrderState.UNKNOWN),
        ("HOVERING", OrderState.UNKNOWN),
    ],
)
def test_every_status_word_has_one_meaning_and_a_new_word_is_unknown(
    word: str, state: OrderState
) -> None:
    assert _ANSWERS.parse_outcome(200, _order(status=word)).state is state


def test_a_filled_order_tells_quantity_average_price_and_fees() -> None:
    fills = [
        {"price": "4000.0", "qty": "1.0", "commission": "0.1", "commissionAsset": "BNB"},
        {"price": "3999.0", "qty": "2.0", "commission": "0.2", "commissionAsset": "BNB"},
        {"price": "3998.0", "qty": "1.0", "commission": "3", "commissionAsset": "USDT"},
    ]
    outcome = _ANSWERS.parse_outcome(
        200,
        _order(status="FILLED", executedQty="4.0", cummulativeQuoteQty="15996.0", fills=fills),
    )
    assert outcome.state is OrderState.FILLED
    assert (outcome.venue_order_id, outcome.client_order_id) == ("28", CLIENT_ID)
    assert (outcome.market, outcome.filled_quantity) == ("BTCUSDT", Decimal(4))
    assert (outcome.filled_quote, outcome.average_price) == (Decimal(15996), Decimal(3999))
    assert outcome.fees == (
        Fee(asset="BNB", amount=Decimal("0.3")),
        Fee(asset="USDT", amount=Decimal(3)),
    )


def test_an_expired_immediate_order_keeps_what_was_filled() -> None:
    outcome = _ANSWERS.parse_outcome(
        200, _order(status="EXPIRED", executedQty="0.5", cummulativeQuoteQty="25000")
    )
    assert (outcome.state, outcome.filled_quantity) == (OrderState.CANCELLED, Decimal("0.5"))


def test_a_cancel_names_the_order_and_not_the_cancel() -> None:
    body = _order(status="CANCELED", origClientOrderId=CLIENT_ID, clientOrderId="cancel-id")
    assert _ANSWERS.parse_outcome(200, body, verb="cancel").client_order_id == CLIENT_ID


@pytest.mark.parametrize("code", [-2010, -1013, -1111, -2015, -1021, -1022, -1003])
def test_a_refused_order_is_rejected_with_the_venues_code(code: int) -> None:
    outcome = _ANSWERS.parse_outcome(400, _error(code))
    assert (outcome.state, outcome.venue_code) == (OrderState.REJECTED, str(code))


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008, -1016])
def test_a_code_that_promises_nothing_is_unknown(code: int) -> None:
    assert _ANSWERS.parse_outcome(400, _error(code)).state is OrderState.UNKNOWN


def test_a_duplicate_order_is_unknown_because_the_first_one_arrived() -> None:
    outcome = _ANSWERS.parse_outcome(400, _error(-2010, "Duplicate order sent."))
    assert (outcome.state, outcome.venue_code) == (OrderState.UNKNOWN, "-2010")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 301, 200])
def test_a_code_without_a_client_error_is_unknown(status: int) -> None:
    assert _ANSWERS.parse_outcome(status, _error(-2010)).state is OrderState.UNKNOWN


@pytest.mark.parametrize("verb", ["cancel", "status"])
@pytest.mark.parametrize("code", [-2011, -2013, -1021, -2015])
def test_a_refused_cancel_or_status_read_says_nothing_about_the_order(
    verb: Verb, code: int
) -> None:
    outcome = _ANSWERS.parse_outcome(400, _error(code), verb=verb)
    assert (outcome.state, outcome.venue_code) == (OrderState.UNKNOWN, str(code))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>418</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"status":"FILLED"}',
        _order(executedQty="NaN"),
        _order(executedQty="-1"),
        _order(executedQty="1e3"),
        _order(executedQty=1.5),
        _order(orderId="28"),
        _order(orderId=True),
        _order(fills={}),
        _order(fills=[{"commissionAsset": "BNB"}]),
        _order(clientOrderId=""),
        _order()[:-1] + b',"status":"FILLED"}',
        _error("-2010"),
        _error(-2010.0),
        _error(0),
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_is_not_plain_is_unknown(body: bytes, status: int) -> None:
    outcome = _ANSWERS.parse_outcome(status, body)
    assert (outcome.state, outcome.filled_quantity) == (OrderState.UNKNOWN, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "executedQty", "code", "fills", "orderId", "symbol"]), inner
        )
    ),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 400, 403, 418, 429, 500, 503]),
    body=st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()),
    verb=st.sampled_from(_VERBS),
)
def test_no_answer_whatever_raises(status: int, body: bytes, verb: Verb) -> None:
    outcome = _ANSWERS.parse_outcome(status, body, verb=verb)
    assert outcome.state in {OrderState.UNKNOWN, OrderState.REJECTED}
