"""Our requests, sent; the sandbox's answers, read. Nothing is replaced but the HSM."""

import http.client
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.core.ids import new_id
from app.exchanges.attaching import attach
from app.exchanges.client_ids import client_order_id, order_id_of
from app.exchanges.errors import PermissionsRefused
from app.exchanges.models import (
    CancelTarget,
    MarketSnapshot,
    OrderState,
    PublicRequest,
    ReadTarget,
    SignedRequest,
    Unsigned,
)
from app.exchanges.registry import dialect_of
from app.sandbox.limits import Limits
from app.sandbox.service import Options
from tests.exchanges.support import limit_order, market_order
from tests.sandbox.conftest import running
from tests.sandbox.support import Client, new_client

_DIALECT = dialect_of("sandbox")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _send(client: Client, request: SignedRequest | PublicRequest) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(client.address, timeout=10)
    try:
        connection.request(
            request.method, request.path_and_query, request.body, dict(request.headers)
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _signed(client: Client, unsigned: Unsigned) -> tuple[int, bytes]:
    return _send(client, attach(unsigned, bytes.fromhex(client.sign(unsigned.message))))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(Options(limits=Limits(0, 0, 0))) as sandbox:
        yield sandbox.url


@pytest.fixture
def client(url: str) -> Client:
    return new_client(url)


@pytest.fixture
def pinned(client: Client) -> MarketSnapshot:
    answer = _send(client, _DIALECT.market_request("BTCUSDT"))
    return _DIALECT.parse_market(*answer, market="BTCUSDT", as_of=datetime.now(tz=UTC))


def test_the_market_and_its_price_are_read(client: Client, pinned: MarketSnapshot) -> None:
    assert (pinned.base, pinned.quote, pinned.trading) == ("BTC", "USDT", True)
    assert pinned.filters.tick_size == Decimal("0.01")
    answer = _send(client, _DIALECT.ticker_request("BTCUSDT"))
    ticker = _DIALECT.parse_ticker(*answer, market="BTCUSDT")
    assert 0 < ticker.bid < ticker.ask


def test_a_limit_order_rests_is_found_by_our_id_and_is_cancelled(
    client: Client, pinned: MarketSnapshot
) -> None:
    key, order_id = client.api_key, new_id()
    order = limit_order(price=Decimal(40000), client_order_id=client_order_id(order_id))
    placed = _DIALECT.parse_outcome(
        *_signed(client, _DIALECT.build_order(pinned, key, order, _now_ms()))
    )
    assert placed.state is OrderState.ACCEPTED
    assert order_id_of(placed.client_order_id or "") == order_id

    reading = ReadTarget(kind="open_orders")
    answer = _signed(client, _DIALECT.build_read(None, key, reading, _now_ms()))
    (resting,) = _DIALECT.parse_open_orders(*answer)
    assert (resting.client_order_id, resting.quantity) == (order.client_order_id, order.quantity)

    named: dict[str, Any] = {"market": "BTCUSDT", "client_order_id": order.client_order_id}
    cancel = _DIALECT.build_cancel(pinned, key, CancelTarget(**named), _now_ms())
    cancelled = _DIALECT.parse_outcome(*_signed(client, cancel), verb="cancel")
    assert (cancelled.state, cancelled.client_order_id) == (
        OrderState.CANCELLED,
        order.client_order_id,
    )
    status = _DIALECT.build_read(pinned, key, ReadTarget(kind="order", **named), _now_ms())
    found = _DIALECT.parse_outcome(*_signed(client, status), verb="status")
    assert (found.state, found.venue_order_id) == (OrderState.CANCELLED, placed.venue_order_id)


@pytest.mark.parametrize(
    "order", [limit_order(price=Decimal(60000), time_in_force="IOC"), market_order()]
)
def test_an_order_that_fills_tells_price_fee_trade_and_balance(
    client: Client, pinned: MarketSnapshot, order: Any
) -> None:
    key = client.api_key
    answer = _signed(client, _DIALECT.build_order(pinned, key, order, _now_ms()))
    outcome = _DIALECT.parse_outcome(*answer)
    assert outcome.state is OrderState.FILLED
    assert outcome.filled_quantity == Decimal("0.01")
    assert outcome.average_price is not None
    reading = ReadTarget(kind="trades", market="BTCUSDT", limit=10)
    trades = _DIALECT.parse_trades(
        *_signed(client, _DIALECT.build_read(pinned, key, reading, _now_ms()))
    )
    assert sum(trade.quantity for trade in trades) == Decimal("0.01")
    assert {fee.asset for fee in outcome.fees} == {trade.fee.asset for trade in trades}
    answer = _signed(client, _DIALECT.build_read(None, key, ReadTarget(kind="balances"), _now_ms()))
    held = {balance.asset: balance.free for balance in _DIALECT.parse_balances(*answer)}
    assert Decimal(100) < held["BTC"] <= Decimal("100.01")


def test_the_same_order_sent_twice_is_one_order_and_no_rejection(
    client: Client, pinned: MarketSnapshot
) -> None:
    order = limit_order(price=Decimal(40000))
    unsigned = _DIALECT.build_order(pinned, client.api_key, order, _now_ms())
    first, second = (_DIALECT.parse_outcome(*_signed(client, unsigned)) for _ in range(2))
    assert (first.state, second.state) == (OrderState.ACCEPTED, OrderState.UNKNOWN)


def test_an_order_without_funds_is_rejected_and_a_stale_one_too(
    url: str, pinned: MarketSnapshot
) -> None:
    poor = new_client(url, balances={"USDT": "1"})
    for now_ms, code in ((_now_ms(), "-2010"), (_now_ms() - 60_000, "-1021")):
        unsigned = _DIALECT.build_order(pinned, poor.api_key, limit_order(), now_ms)
        outcome = _DIALECT.parse_outcome(*_signed(poor, unsigned))
        assert (outcome.state, outcome.venue_code) == (OrderState.REJECTED, code)


def test_the_rights_of_a_key_are_read_and_a_withdrawal_right_refuses(url: str) -> None:
    reading = ReadTarget(kind="permissions")
    for permissions, right in (({}, None), ({"enableWithdrawals": True}, "enableWithdrawals")):
        client = new_client(url, permissions=permissions)
        unsigned = _DIALECT.build_read(None, client.api_key, reading, _now_ms())
        answer = _signed(client, unsigned)
        if right is None:
            assert "enableSpotAndMarginTrading" in _DIALECT.parse_permissions(*answer).rights
            continue
        with pytest.raises(PermissionsRefused) as refused:
            _DIALECT.parse_permissions(*answer)
        assert refused.value.rule == right
