"""Each filter of exchangeInfo refuses what it says it refuses."""

import pytest

from tests.sandbox.support import Client, Connection, new_client


@pytest.mark.parametrize(
    ("quantity", "price", "failure"),
    [
        ("1", "49000.001", "PRICE_FILTER"),
        ("1", "1000000.01", "PRICE_FILTER"),
        ("0.000001", "49000", "LOT_SIZE"),
        ("9000.00001", "49000", "LOT_SIZE"),
        ("0.000015", "49000", "LOT_SIZE"),
        ("99999999999999999999", "49000", "LOT_SIZE"),
        ("1", "9999.99", "PERCENT_PRICE_BY_SIDE"),
        ("1", "250000.01", "PERCENT_PRICE_BY_SIDE"),
        ("0.0001", "49999.99", "NOTIONAL"),
        ("200", "45000.01", "NOTIONAL"),
    ],
)
def test_a_limit_order_has_to_pass_the_filters(
    client: Client, quantity: str, price: str, failure: str
) -> None:
    answer = client.limit("BUY", quantity, price)
    assert (answer.status, answer.code) == (400, -1013)
    assert answer.message == f"Filter failure: {failure}"


@pytest.mark.parametrize(
    ("size", "failure"),
    [
        ({"quantity": "100.00001"}, "MARKET_LOT_SIZE"),
        ({"quantity": "9000.00001"}, "LOT_SIZE"),
        ({"quantity": "0.00009"}, "NOTIONAL"),
        ({"quoteOrderQty": "4.99"}, "NOTIONAL"),
    ],
)
def test_a_market_order_has_to_pass_the_filters(
    client: Client, size: dict[str, str], failure: str
) -> None:
    assert client.market("SELL", **size).message == f"Filter failure: {failure}"


def test_the_bounds_themselves_pass(client: Client) -> None:
    assert client.limit("BUY", "0.0005", "10000").status == 200
    assert client.limit("SELL", "0.00002", "250000").status == 200


def test_an_account_has_at_most_two_hundred_open_orders_in_a_market(url: str) -> None:
    client = new_client(url)
    for _ in range(200):
        assert client.limit("BUY", "0.001", "40000").status == 200
    assert client.limit("BUY", "0.001", "40000").message == "Filter failure: MAX_NUM_ORDERS"
    assert client.limit("BUY", "1", "2000", symbol="ETHUSDT").status == 200
    assert client.call("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").status == 200
    assert client.limit("BUY", "0.001", "40000").status == 200


def test_exchange_info_shows_the_filters_it_applies(url: str) -> None:
    info = Connection(url).public("/api/v3/exchangeInfo", symbol="BTCUSDT").body
    (symbol,) = info["symbols"]
    assert symbol["orderTypes"] == ["LIMIT", "LIMIT_MAKER", "MARKET"]
    filters = {row["filterType"]: row for row in symbol["filters"]}
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert filters["MAX_NUM_ORDERS"] == {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200}
    assert {"MARKET_LOT_SIZE", "PERCENT_PRICE_BY_SIDE"} < filters.keys()
