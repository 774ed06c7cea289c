"""Parameters are refused in the venue's words, and none is ignored."""

import pytest

from tests.sandbox.support import Client, now_ms

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "49000",
}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"symbol": "BTCEUR"}, -1121, "Invalid symbol."),
        ({"symbol": "btcusdt"}, -1100, "'symbol'"),
        ({"symbol": None}, -1102, "'symbol'"),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"side": None}, -1102, "'side'"),
        ({"type": "WISH"}, -1116, "Invalid orderType."),
        ({"type": "STOP_LOSS_LIMIT"}, -2010, "Stop loss limit orders are not supported"),
        ({"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": None}, -1102, "'timeInForce'"),
        ({"price": None}, -1102, "'price'"),
        ({"price": ""}, -1105, "'price'"),
        ({"price": "1e5"}, -1100, "'price'; legal range is"),
        ({"price": "-49000"}, -1100, "'price'"),
        ({"price": "49000\n"}, -1100, "'price'"),
        ({"price": "49000.000000001"}, -1111, "'price' has too much precision"),
        ({"price": "0"}, -1013, "Invalid price."),
        ({"quantity": None}, -1102, "'quantity'"),
        ({"quantity": "0.0"}, -1013, "Invalid quantity."),
        ({"quoteOrderQty": "5"}, -1106, "'quoteOrderQty' sent when not required"),
        ({"newClientOrderId": "no spaces"}, -1100, "'newClientOrderId'"),
        ({"newClientOrderId": "x" * 37}, -1100, "'newClientOrderId'"),
        ({"newOrderRespType": "LONG"}, -1136, "newOrderRespType"),
        ({"selfTradePreventionMode": "DECREMENT"}, -2010, "self-trade prevention"),
        ({"stopPrice": "48000"}, -1104, "read '7' parameter(s) but was sent '8'"),
        ({"type": "LIMIT_MAKER"}, -1106, "'timeInForce' sent when not required"),
        ({"type": "MARKET"}, -1106, "sent when not required"),
    ],
)
def test_a_wrong_order_parameter_is_refused(
    client: Client, change: dict[str, str | None], code: int, words: str
) -> None:
    wanted = {name: value for name, value in {**LIMIT, **change}.items() if value is not None}
    answer = client.call("POST", "/api/v3/order", **wanted)
    assert (answer.status, answer.code) == (400, code)
    assert words in answer.message
    assert client.call("GET", "/api/v3/openOrders").body == []


@pytest.mark.parametrize(
    ("sizes", "code"),
    [({}, -1102), ({"quantity": "1", "quoteOrderQty": "50000"}, -1128)],
)
def test_a_market_order_has_exactly_one_size(
    client: Client, sizes: dict[str, str], code: int
) -> None:
    assert client.market("BUY", **sizes).code == code


def test_a_parameter_sent_twice_is_refused_and_the_query_string_wins_over_the_body(
    client: Client,
) -> None:
    payload = f"symbol=BTCUSDT&symbol=ETHUSDT&timestamp={now_ms()}"
    assert client.signed("GET", "/api/v3/openOrders", payload).code == -1101
    query, body = (
        "symbol=ETHUSDT",
        f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&timestamp={now_ms()}",
    )
    answer = client.send(
        "POST",
        f"/api/v3/order?{query}",
        body=f"{body}&signature={client.sign(f'{query}{body}'.encode())}",
        headers={
            "X-MBX-APIKEY": client.api_key,
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    assert answer.body["symbol"] == "ETHUSDT"


def test_an_order_is_named_by_at_least_one_id_and_both_have_to_agree(client: Client) -> None:
    placed = client.limit("BUY", "1", "49000", newClientOrderId="mine").body
    path, order_id = "/api/v3/order", placed["orderId"]
    assert client.call("GET", path, symbol="BTCUSDT").code == -1102
    by_both = {"symbol": "BTCUSDT", "orderId": order_id}
    assert client.call("GET", path, **by_both, origClientOrderId="mine").status == 200
    assert client.call("GET", path, **by_both, origClientOrderId="other").code == -2013
    assert client.call("DELETE", path, **by_both, origClientOrderId="other").code == -2011
    assert client.call("GET", path, symbol="ETHUSDT", orderId=order_id).code == -2013


def test_public_routes_refuse_what_they_do_not_read(client: Client) -> None:
    assert client.public("/api/v3/ping", fast="1").code == -1104
    assert client.public("/api/v3/depth").code == -1102
    assert client.public("/api/v3/depth", symbol="NOPE").code == -1121
    assert client.public("/api/v3/ticker/price", symbols='["BTCUSDT"').code == -1135
    assert client.public("/api/v3/ticker/price", symbols='["BTCUSDT","BTCUSDT"]').code == -1151
    both = {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}
    assert client.public("/api/v3/ticker/price", **both).code == -1128


def test_an_unknown_path_is_not_found_and_a_wrong_verb_not_supported(client: Client) -> None:
    assert client.public("/api/v3/klines").status == 404
    assert (client.send("PUT", "/api/v3/order").status) == 405


def test_a_body_that_is_not_a_form_is_refused(client: Client) -> None:
    answer = client.send(
        "POST", "/api/v3/order", body="{}", headers={"Content-Type": "application/json"}
    )
    assert answer.code == -1130
