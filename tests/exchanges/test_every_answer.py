"""What every venue's answers are read as, and that doubt is `unknown` and never an exception."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.exchanges import strictjson
from app.exchanges.answers import answers_of
from app.exchanges.dialect import Verb
from app.exchanges.errors import PermissionsRefused, VenueAnswerUnknown
from app.exchanges.models import OrderState
from tests.exchanges.cases.all import CASES, IDS
from tests.exchanges.cases.case import AS_OF, Case

_EVERY = pytest.mark.parametrize("case", CASES, ids=IDS)
_VERBS: tuple[Verb, ...] = get_args(Verb)


def _body(value: Any) -> bytes:
    return json.dumps(value).encode()


@_EVERY
def test_balances_orders_trades_and_prices_are_read(case: Case) -> None:
    answers, samples = answers_of(case.venue_id), case.samples
    body, balances = samples.balances
    assert list(answers.parse_balances(200, _body(body))) == balances
    body, orders = samples.open_orders
    assert list(answers.parse_open_orders(200, _body(body))) == orders
    body, trades = samples.trades
    assert list(answers.parse_trades(200, _body(body))) == trades
    body, ticker = samples.ticker
    assert answers.parse_ticker(200, _body(body), market=case.market) == ticker
    with pytest.raises(VenueAnswerUnknown):
        answers.parse_ticker(200, _body(body), market=case.other_market)


@_EVERY
def test_outcomes(case: Case) -> None:
    answers = answers_of(case.venue_id)
    for verb, status, body, state, told in case.samples.outcomes:
        outcome = answers.parse_outcome(status, _body(body), verb=verb)
        assert outcome.state is state, (verb, body)
        assert told in {outcome.venue_code, outcome.client_order_id}, (verb, body)


def test_two_answers_in_the_place_of_one_are_doubt() -> None:
    kraken = answers_of("kraken")
    two = {"error": [], "result": {"A": {}, "B": {}}}
    for read in (
        lambda: kraken.parse_ticker(200, _body(two), market="XBTUSD"),
        lambda: kraken.parse_market(200, _body(two), market="XBTUSD", as_of=AS_OF),
    ):
        with pytest.raises(VenueAnswerUnknown):
            read()
    closed = {"error": [], "result": {"closed": two["result"]}}
    outcome = kraken.parse_outcome(200, _body(closed), verb="status")
    assert outcome.state is OrderState.UNKNOWN


@pytest.mark.timeout(5)
@pytest.mark.parametrize("number", [b"1e999999999", b"1e-999999999", b"-1.0e400000"])
def test_a_number_that_would_fill_the_memory_is_no_answer(number: bytes) -> None:
    with pytest.raises(VenueAnswerUnknown):
        strictjson.decode(b'{"a":' + number + b"}")


@pytest.mark.parametrize("value", [{"a": 1}, ["x"], 7, "x" * 65])
def test_a_client_id_that_is_no_text_is_doubt(value: Any) -> None:
    row = {"state": "live", "instId": "BTC-USDT", "ordId": "1", "clOrdId": value, "accFillSz": "0"}
    outcome = answers_of("okx").parse_outcome(
        200, _body({"code": "0", "data": [row]}), verb="status"
    )
    assert outcome.state is OrderState.UNKNOWN


@_EVERY
def test_only_the_listed_rights_pass_and_every_other_refuses_by_name(case: Case) -> None:
    samples, answers = case.samples, answers_of(case.venue_id)
    if samples.rights is None:
        with pytest.raises(VenueAnswerUnknown):
            answers.parse_permissions(200, b"{}")
        return
    granted = answers.parse_permissions(200, _body(samples.rights(samples.needed)))
    assert set(granted.rights) == set(samples.needed)
    answers.parse_permissions(200, _body(samples.rights(samples.needed + samples.allowed)))
    for right in samples.refused:
        with pytest.raises(PermissionsRefused) as refused:
            answers.parse_permissions(200, _body(samples.rights([*samples.needed, right])))
        assert (refused.value.rule or "") in {right, "empty"}
    for right in samples.needed:
        fewer = [name for name in samples.needed if name != right]
        with pytest.raises(PermissionsRefused):
            answers.parse_permissions(200, _body(samples.rights(fewer)))


@_EVERY
def test_the_pinned_market_tells_its_limits_and_only_its_own_name(case: Case) -> None:
    pinned = case.snapshot()
    assert (pinned.market, pinned.trading) == (case.market, True)
    assert pinned.filters.tick_size
    assert pinned.filters.step_size
    assert (pinned.contract_size is None) == (pinned.product == "spot") == (pinned.settle is None)
    with pytest.raises(VenueAnswerUnknown):
        case.snapshot(case.other)
    for name in ("", "a b", "x?y", "\u0412TC", "a&b"):
        with pytest.raises(VenueAnswerUnknown):
            answers_of(case.venue_id).market_request(name)
        with pytest.raises(VenueAnswerUnknown):
            answers_of(case.venue_id).ticker_request(name)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["result", "data", "code", "retCode", "error", "errorCode", "list", "status",
                 "orders", "orderId", "success", "msg"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@_EVERY
@settings(max_examples=60)
@given(
    status=st.sampled_from([200, 400, 401, 403, 429, 500, 503]),
    body=st.binary(max_size=60) | _JSON.map(_body),
    verb=st.sampled_from(_VERBS),
)
def test_no_answer_whatever_raises_what_nobody_expects(
    case: Case, status: int, body: bytes, verb: Verb
) -> None:
    answers = answers_of(case.venue_id)
    outcome = answers.parse_outcome(status, body, verb=verb)
    assert outcome.state is not OrderState.FILLED
    for parse in (
        answers.parse_balances,
        answers.parse_open_orders,
        answers.parse_trades,
        answers.parse_permissions,
        lambda s, b: answers.parse_ticker(s, b, market=case.market),
        lambda s, b: answers.parse_market(s, b, market=case.market, as_of=AS_OF),
    ):
        try:
            parse(status, body)
        except (VenueAnswerUnknown, PermissionsRefused):
            continue
