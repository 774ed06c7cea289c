"""Rights, balances, orders, trades, prices and markets, read strictly."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app
from app.exchanges.answers import answers_of
from app.exchanges.errors import PermissionsRefused, VenueAnswerUnknown
from app.exchanges.models import MarketFilters, VenueBalance
from tests.exchanges.support import AS_OF, CLIENT_ID, entry, snapshot

_ANSWERS = answers_of("binance")
_RIGHTS: dict[str, Any] = {
    "ipRestrict": True,
    "createTime": 1698645219000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": True,
    "enablePortfolioMarginTrading": False,
}
_TRADE: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "id": 28457,
    "orderId": 100234,
    "price": "4.00000100",
    "qty": "12.00000000",
    "quoteQty": "48.000012",
    "commission": "10.10000000",
    "commissionAsset": "BNB",
    "time": 1499865549590,
    "isBuyer": True,
    "isMaker": False,
}
_OPEN: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "clientOrderId": CLIENT_ID,
    "price": "0.1",
    "origQty": "1.0",
    "executedQty": "0.5",
    "cummulativeQuoteQty": "0.05",
    "status": "PARTIALLY_FILLED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "SELL",
    "time": 1499827319559,
}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _rights(**changes: Any) -> bytes:
    return _json(_RIGHTS | changes)


def test_a_key_that_reads_and_trades_on_spot_is_taken() -> None:
    permissions = _ANSWERS.parse_permissions(200, _rights())
    assert permissions.rights == (
        "enableFixReadOnly",
        "enableReading",
        "enableSpotAndMarginTrading",
    )
    assert permissions.ip_restricted
    assert permissions.created_at == datetime(2023, 10, 30, 5, 53, 39, tzinfo=UTC)
    assert permissions.trading_expires_at is None


@pytest.mark.parametrize("right", [name for name, value in _RIGHTS.items() if value is False])
def test_every_right_that_is_not_on_the_list_refuses_by_name(right: str) -> None:
    with pytest.raises(PermissionsRefused) as refused:
        _ANSWERS.parse_permissions(200, _rights(**{right: True}))
    assert refused.value.rule == right


@pytest.mark.parametrize("value", [True, "false", 0, 1, None, [], {}, "NONE"])
def test_a_right_nobody_has_heard_of_refuses_unless_it_is_plainly_false(value: Any) -> None:
    with pytest.raises(PermissionsRefused) as refused:
        _ANSWERS.parse_permissions(200, _rights(enableTeleport=value))
    assert refused.value.rule == "enableTeleport"
    _ANSWERS.parse_permissions(200, _rights(enableTeleport=False))


@pytest.mark.parametrize("right", ["enableReading", "enableSpotAndMarginTrading"])
@pytest.mark.parametrize("value", [False, 1, "true", None])
def test_a_key_that_lacks_what_it_needs_refuses_by_name(right: str, value: Any) -> None:
    with pytest.raises(PermissionsRefused) as refused:
        _ANSWERS.parse_permissions(200, _rights(**{right: value}))
    assert refused.value.rule == right


def test_a_missing_right_is_not_a_granted_one() -> None:
    body = _json({name: value for name, value in _RIGHTS.items() if name != "enableReading"})
    with pytest.raises(PermissionsRefused) as refused:
        _ANSWERS.parse_permissions(200, body)
    assert refused.value.rule == "enableReading"


def test_a_right_said_twice_is_no_answer() -> None:
    body = _rights()[:-1] + b', "enableWithdrawals": false}'
    with pytest.raises(VenueAnswerUnknown):
        _ANSWERS.parse_permissions(200, body)


@given(st.dictionaries(st.sampled_from(list(_RIGHTS)), st.booleans() | st.none() | st.integers()))
def test_no_mix_of_rights_passes_but_the_listed_ones(changes: dict[str, Any]) -> None:
    try:
        permissions = _ANSWERS.parse_permissions(200, _rights(**changes))
    except (PermissionsRefused, VenueAnswerUnknown):
        return
    assert set(permissions.rights) <= {
        "enableReading",
        "enableSpotAndMarginTrading",
        "enableFixReadOnly",
    }


def test_balances_are_exact_and_leave_out_what_is_empty() -> None:
    body = _json(
        {
            "canTrade": True,
            "balances": [
                {"asset": "BTC", "free": "4723846.89208129", "locked": "0.00000000"},
                {"asset": "LTC", "free": "0.00000000", "locked": "0.00000000"},
                {"asset": "BNB", "free": "0.00000000", "locked": "0.1"},
            ],
        }
    )
    assert _ANSWERS.parse_balances(200, body) == (
        VenueBalance(asset="BTC", free=Decimal("4723846.89208129"), locked=Decimal(0)),
        VenueBalance(asset="BNB", free=Decimal(0), locked=Decimal("0.1")),
    )


def test_an_asset_with_two_balances_is_no_answer() -> None:
    row = {"asset": "BTC", "free": "1", "locked": "0"}
    with pytest.raises(VenueAnswerUnknown):
        _ANSWERS.parse_balances(200, _json({"balances": [row, row]}))


@pytest.mark.parametrize(
    ("kind", "protective"),
    [
        ("LIMIT", False),
        ("LIMIT_MAKER", False),
        ("MARKET", False),
        ("STOP_LOSS", True),
        ("STOP_LOSS_LIMIT", True),
        ("TAKE_PROFIT", True),
        ("TAKE_PROFIT_LIMIT", True),
    ],
)
def test_open_orders_tell_entries_from_protection(kind: str, *, protective: bool) -> None:
    (order,) = _ANSWERS.parse_open_orders(200, _json([_OPEN | {"type": kind}]))
    assert (order.type, order.protective) == (kind.lower(), protective)
    assert (order.market, order.side, order.client_order_id) == ("BTCUSDT", "sell", CLIENT_ID)
    assert (order.quantity, order.filled_quantity) == (Decimal(1), Decimal("0.5"))
    assert order.created_at == datetime(2017, 7, 12, 2, 41, 59, 559000, tzinfo=UTC)


def test_an_account_without_orders_or_trades_has_none() -> None:
    assert _ANSWERS.parse_open_orders(200, b"[]") == ()
    assert _ANSWERS.parse_trades(200, b"[]") == ()


def test_a_trade_tells_side_sizes_and_fee() -> None:
    bought, sold = _ANSWERS.parse_trades(200, _json([_TRADE, _TRADE | {"isBuyer": False}]))
    assert (bought.side, sold.side) == ("buy", "sell")
    assert (bought.venue_trade_id, bought.venue_order_id) == ("28457", "100234")
    assert (bought.price, bought.quote_quantity) == (Decimal("4.000001"), Decimal("48.000012"))
    assert (bought.fee.asset, bought.fee.amount) == ("BNB", Decimal("10.1"))


@pytest.mark.parametrize("last", [None, "4.00000200"])
def test_a_ticker_gives_the_top_of_the_book(last: str | None) -> None:
    row = {"symbol": "BTCUSDT", "bidPrice": "4.00000000", "askPrice": "4.00000200"}
    row |= {} if last is None else {"lastPrice": last}
    ticker = _ANSWERS.parse_ticker(200, _json(row), market="BTCUSDT")
    assert (ticker.bid, ticker.ask) == (Decimal(4), Decimal("4.000002"))
    assert ticker.last == (None if last is None else Decimal(last))


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"bidPrice": "0.00000000"},
        {"askPrice": "0.00000000"},
        {"bidPrice": "4.1"},
        {"bidPrice": 3.9},
        {"askPrice": "Infinity"},
        {"lastPrice": "0"},
    ],
)
def test_a_book_that_is_empty_crossed_or_of_another_market_is_no_price(
    changes: dict[str, Any],
) -> None:
    row = {"symbol": "BTCUSDT", "bidPrice": "3.9", "askPrice": "4.0"} | changes
    with pytest.raises(VenueAnswerUnknown):
        _ANSWERS.parse_ticker(200, _json(row), market="BTCUSDT")


def test_a_snapshot_holds_the_filters_as_decimals_and_the_entry_as_it_was() -> None:
    pinned = snapshot()
    assert (pinned.base, pinned.quote, pinned.trading) == ("BTC", "USDT", True)
    assert pinned.order_types == ("limit", "market")
    assert json.loads(pinned.raw) == entry()
    assert pinned.filters == MarketFilters(
        tick_size=Decimal("0.01"),
        min_price=Decimal("0.01"),
        max_price=Decimal(1000000),
        step_size=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(9000),
        min_notional=Decimal(5),
        max_notional=Decimal(9000000),
    )


def test_a_filter_set_to_zero_is_no_filter_and_the_stricter_minimum_counts() -> None:
    described = entry()
    described["filters"][0] |= {"maxPrice": "0.00000000"}
    described["filters"].append({"filterType": "MIN_NOTIONAL", "minNotional": "10.0"})
    filters = snapshot(described).filters
    assert (filters.max_price, filters.min_notional) == (None, Decimal(10))


def _described(**changes: Any) -> bytes:
    return _json({"symbols": [entry() | changes]})


@pytest.mark.parametrize(
    "body",
    [
        _described(symbol="ETHUSDT"),
        _described(isSpotTradingAllowed=False),
        _described(orderTypes=None),
        _described(baseAsset=""),
        _described(baseAsset="B\u0422C"),
        _described(filters=None),
        _described(filters=[{"filterType": "LOT_SIZE"}]),
        _described(filters=entry()["filters"] + entry()["filters"][:1]),
        _described(weight=1.5),
        _json({"symbols": []}),
        _json({"symbols": [entry(), entry()]}),
    ],
)
def test_a_market_that_is_not_plainly_the_one_asked_for_is_not_pinned(body: bytes) -> None:
    with pytest.raises(VenueAnswerUnknown):
        _ANSWERS.parse_market(200, body, market="BTCUSDT", as_of=AS_OF)


_PARSERS: dict[str, Callable[[int, bytes], object]] = {
    "permissions": _ANSWERS.parse_permissions,
    "balances": _ANSWERS.parse_balances,
    "open_orders": _ANSWERS.parse_open_orders,
    "trades": _ANSWERS.parse_trades,
    "ticker": lambda status, body: _ANSWERS.parse_ticker(status, body, market="BTCUSDT"),
    "market": lambda status, body: _ANSWERS.parse_market(
        status, body, market="BTCUSDT", as_of=AS_OF
    ),
}
_every_parser = pytest.mark.parametrize("parse", _PARSERS.values(), ids=_PARSERS.keys())


@_every_parser
@pytest.mark.parametrize("status", [201, 301, 400, 401, 403, 418, 429, 500, 503])
def test_an_error_status_is_no_answer_whatever_the_body_says(
    parse: Callable[[int, bytes], object], status: int
) -> None:
    with pytest.raises(VenueAnswerUnknown) as refused:
        parse(status, _rights())
    assert refused.value.rule == f"http-{status}"


_NO_ANSWERS = [b"", b"{", b"null", b"1", b'"x"', b"NaN", b"[1]", b"[null]", b"\xff", b"[{}]"]
_NO_ANSWERS += [b'{"balances":[null]}', b'{"symbols":[1]}', b'{"ipRestrict":1}']
_NO_ANSWERS += [b"[" * 100_000, b"1" * 5000]


@_every_parser
@pytest.mark.parametrize("body", _NO_ANSWERS, ids=lambda body: repr(body[:20]))
def test_a_body_that_is_not_the_answer_is_no_answer(
    parse: Callable[[int, bytes], object], body: bytes
) -> None:
    with pytest.raises(VenueAnswerUnknown):
        parse(200, body)


@_every_parser
@given(
    base=st.sampled_from([_RIGHTS, [_TRADE], [_OPEN], {"symbols": [entry()]}]),
    place=st.integers(0, 5000),
    junk=st.binary(max_size=4),
)
def test_a_damaged_answer_raises_nothing_but_refusals(
    parse: Callable[[int, bytes], object], base: Any, place: int, junk: bytes
) -> None:
    body = _json(base)
    place %= len(body)
    try:
        parse(200, body[:place] + junk + body[place + len(junk) :])
    except (VenueAnswerUnknown, PermissionsRefused):
        return


def test_public_requests_carry_no_key_and_no_host() -> None:
    for request, path in (
        (_ANSWERS.ticker_request("BTCUSDT"), "/api/v3/ticker/bookTicker?symbol=BTCUSDT"),
        (_ANSWERS.market_request("BTCUSDT"), "/api/v3/exchangeInfo?symbol=BTCUSDT"),
    ):
        assert (request.method, request.path_and_query) == ("GET", path)
        assert (request.headers, request.body) == ((), b"")
    with pytest.raises(VenueAnswerUnknown):
        _ANSWERS.ticker_request("BTC&x=1")


def test_reading_answers_does_not_load_ccxt() -> None:
    code = "import sys, app.exchanges.answers as it; it.answers_of('binance')"
    code += "; sys.exit('ccxt' in sys.modules)"
    root = Path(app.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)  # noqa: S603 - our own words
