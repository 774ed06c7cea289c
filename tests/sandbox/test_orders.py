"""Orders are placed, found and cancelled, and the money follows them."""

from tests.sandbox.support import Client, new_client


def statuses(client: Client, symbol: str = "BTCUSDT") -> list[str]:
    orders = client.call("GET", "/api/v3/allOrders", symbol=symbol).body
    return [order["status"] for order in orders]


def test_an_open_order_locks_its_funds_and_a_cancel_frees_them(client: Client) -> None:
    buy = client.limit("BUY", "2", "40000.01").body
    sell = client.limit("SELL", "3", "60000", newClientOrderId="mine").body
    assert (buy["status"], sell["status"], sell["fills"]) == ("NEW", "NEW", [])
    assert client.balances()["USDT"] == ("919999.98000000", "80000.02000000")
    assert client.balances()["BTC"] == ("97.00000000", "3.00000000")
    named = {"symbol": "BTCUSDT", "origClientOrderId": "mine"}
    cancelled = client.call("DELETE", "/api/v3/order", **named, newClientOrderId="the-cancel").body
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "mine")
    assert cancelled["clientOrderId"] == "the-cancel"
    assert client.balances()["BTC"] == ("100.00000000", "0.00000000")
    assert client.call("DELETE", "/api/v3/order", **named).code == -2011
    assert client.fetch(sell)["clientOrderId"] == "mine"


def test_cancelling_everything_in_a_market_leaves_the_other_markets(client: Client) -> None:
    for price in ("40000", "41000"):
        client.limit("BUY", "1", price)
    client.limit("BUY", "1", "2000", symbol="ETHUSDT")
    assert len(client.call("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").body) == 2
    assert client.call("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").code == -2011
    left = client.call("GET", "/api/v3/openOrders").body
    assert [order["symbol"] for order in left] == ["ETHUSDT"]


def test_a_limit_order_gets_the_better_price_and_the_difference_back(client: Client) -> None:
    filled = client.limit("BUY", "1", "51000").body
    assert (filled["status"], filled["cummulativeQuoteQty"]) == ("FILLED", "50005.00000000")
    assert filled["fills"] == [
        {
            "price": "50005.00000000",
            "qty": "1.00000000",
            "commission": "0.00100000",
            "commissionAsset": "BTC",
            "tradeId": 1,
        }
    ]
    assert client.balances()["USDT"] == ("949995.00000000", "0.00000000")
    assert client.balances()["BTC"] == ("100.99900000", "0.00000000")


def test_a_seller_pays_the_fee_in_the_quote_asset(client: Client) -> None:
    sold = client.market("SELL", quantity="0.5").body
    assert sold["fills"][0]["commission"] == "24.99750000"
    assert sold["fills"][0]["commissionAsset"] == "USDT"
    assert client.balances()["USDT"][0] == "1024972.50250000"


def test_more_than_the_free_balance_is_refused_without_a_trace(url: str) -> None:
    poor = new_client(url, balances={"USDT": "1000", "BTC": "0.1"})
    words = "Account has insufficient balance for requested action."
    for refused in (
        poor.limit("BUY", "0.1", "49000"),
        poor.limit("SELL", "0.2", "60000"),
        poor.market("BUY", quantity="0.1"),
        poor.market("BUY", quoteOrderQty="1000.01"),
        poor.market("BUY", symbol="DMGUSDT", quoteOrderQty="1000.01"),
        poor.market("BUY", quoteOrderQty="99999999999999999999"),
        poor.market("SELL", quantity="0.2"),
        poor.market("SELL", quoteOrderQty="99999999999999999999"),
    ):
        assert (refused.code, refused.message) == (-2010, words)
    assert poor.limit("BUY", "0.01", "49000").status == 200
    assert poor.limit("BUY", "0.0105", "49000").code == -2010, "the first order's funds are locked"
    assert poor.balances()["USDT"] == ("510.00000000", "490.00000000")
    assert statuses(poor) == ["NEW"]


def test_a_client_id_is_unique_among_open_orders_only(client: Client) -> None:
    first = client.limit("BUY", "1", "49000", newClientOrderId="once").body
    again = client.limit("BUY", "1", "49000", newClientOrderId="once")
    assert (again.code, again.message) == (-2010, "Duplicate order sent.")
    assert client.limit("BUY", "1", "2000", symbol="ETHUSDT", newClientOrderId="once").status == 200
    client.call("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=first["orderId"])
    second = client.limit("BUY", "1", "49000", newClientOrderId="once").body
    found = client.call("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="once").body
    assert found["orderId"] == second["orderId"] > first["orderId"]


def test_another_accounts_order_is_not_there(client: Client, url: str) -> None:
    placed = client.limit("BUY", "1", "49000", newClientOrderId="mine").body
    stranger = new_client(url)
    named = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    assert stranger.call("GET", "/api/v3/order", **named).code == -2013
    assert stranger.call("DELETE", "/api/v3/order", **named).code == -2011
    assert stranger.call("GET", "/api/v3/openOrders").body == []
    assert client.fetch(placed)["status"] == "NEW"


def test_histories_can_be_paged(client: Client) -> None:
    for _ in range(5):
        client.market("BUY", quantity="0.01")
    path = "/api/v3/myTrades"
    trades = client.call("GET", path, symbol="BTCUSDT").body
    ids = [trade["id"] for trade in trades]
    assert ids == sorted(ids)
    newest = client.call("GET", path, symbol="BTCUSDT", limit=2).body
    assert [trade["id"] for trade in newest] == ids[-2:]
    since = client.call("GET", path, symbol="BTCUSDT", fromId=ids[1], limit=2).body
    assert [trade["id"] for trade in since] == ids[1:3]
    one = client.call("GET", path, symbol="BTCUSDT", orderId=trades[3]["orderId"]).body
    assert [trade["id"] for trade in one] == [ids[3]]
    late = client.call("GET", path, symbol="BTCUSDT", startTime=trades[-1]["time"] + 1).body
    assert late == []
    wide = client.call("GET", path, symbol="BTCUSDT", startTime=0, endTime=2 * 86_400_000)
    assert wide.code == -1127
    orders = client.call("GET", "/api/v3/allOrders", symbol="BTCUSDT", limit=3).body
    assert [order["orderId"] for order in orders] == [trade["orderId"] for trade in trades[-3:]]


def test_the_day_ticker_adds_up(client: Client) -> None:
    client.market("BUY", quantity="1")
    client.market("SELL", quantity="1")
    day = client.public("/api/v3/ticker/24hr", symbol="BTCUSDT").body
    assert day["count"] == 3
    assert (day["volume"], day["openPrice"]) == ("2.00000000", "50005.00000000")
    assert float(day["lowPrice"]) <= float(day["lastPrice"]) <= float(day["highPrice"])
    assert float(day["quoteVolume"]) / 2 == float(day["weightedAvgPrice"])
    assert len(client.public("/api/v3/ticker/24hr").body) == 4
