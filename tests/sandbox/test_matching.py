"""Orders meet by price and time; what is left rests or expires, as its type says."""

from tests.sandbox.support import Client, Connection, new_client

# The house's best quotes with seed 1: 0.65 BTC bid at 49,995.00 and 1.3 BTC asked at 50,005.00.
BEST_ASK, ASKED = "50005.00", "1.30000000"


def test_what_a_limit_order_does_not_find_rests_and_is_found_later(url: str) -> None:
    maker, taker = new_client(url), new_client(url)
    placed = maker.limit("BUY", "2", BEST_ASK).body
    assert (placed["status"], placed["executedQty"]) == ("PARTIALLY_FILLED", ASKED)
    best = Connection(url).public("/api/v3/ticker/bookTicker", symbol="BTCUSDT").body
    assert (best["bidPrice"], best["bidQty"]) == ("50005.00000000", "0.70000000")
    assert maker.balances()["USDT"][1] == "35003.50000000"
    assert taker.limit("SELL", "0.7", BEST_ASK).body["status"] == "FILLED"
    assert maker.fetch(placed)["status"] == "FILLED"
    trades = maker.call("GET", "/api/v3/myTrades", symbol="BTCUSDT").body
    assert [(trade["qty"], trade["isMaker"]) for trade in trades] == [
        (ASKED, False),
        ("0.70000000", True),
    ]
    assert maker.balances()["USDT"] == ("899990.00000000", "0.00000000")


def test_a_resting_rest_locks_its_own_price_and_no_more(client: Client) -> None:
    second = client.public("/api/v3/depth", symbol="BTCUSDT").body["asks"][1]
    assert second[0] == "50015.00000000"
    quantity = str(float(ASKED) + float(second[1]) + 1)
    placed = client.limit("BUY", quantity, second[0]).body
    assert [fill["price"] for fill in placed["fills"]] == ["50005.00000000", second[0]]
    assert client.balances()["USDT"][1] == second[0], "one BTC is left to buy"


def test_time_decides_between_orders_of_one_price(url: str) -> None:
    first, second, taker = new_client(url), new_client(url), new_client(url)
    early = first.limit("BUY", "0.5", "50000").body
    late = second.limit("BUY", "0.5", "50000").body
    better = second.limit("BUY", "0.1", "50000.01").body
    taker.limit("SELL", "0.7", "50000")
    states = [first.fetch(early), second.fetch(late), second.fetch(better)]
    assert [order["executedQty"] for order in states] == [
        "0.50000000",
        "0.10000000",
        "0.10000000",
    ]


def test_immediate_or_cancel_takes_what_is_there_and_expires(client: Client) -> None:
    placed = client.limit("BUY", "5", BEST_ASK, timeInForce="IOC").body
    assert (placed["status"], placed["executedQty"]) == ("EXPIRED", ASKED)
    assert client.balances()["USDT"][1] == "0.00000000"
    assert client.call("GET", "/api/v3/openOrders").body == []


def test_fill_or_kill_is_filled_whole_or_not_at_all(client: Client) -> None:
    killed = client.limit("BUY", "1.30001", BEST_ASK, timeInForce="FOK").body
    assert (killed["status"], killed["executedQty"], killed["fills"]) == (
        "EXPIRED",
        "0.00000000",
        [],
    )
    assert client.balances()["USDT"] == ("1000000.00000000", "0.00000000")
    assert client.limit("BUY", "1.3", BEST_ASK, timeInForce="FOK").body["status"] == "FILLED"


def test_a_market_order_walks_the_book(client: Client) -> None:
    placed = client.market("BUY", quantity="3").body
    assert placed["status"] == "FILLED"
    prices = [fill["price"] for fill in placed["fills"]]
    assert len(prices) > 1
    assert prices == sorted(prices)


def test_a_market_order_larger_than_a_thin_book_expires_with_what_it_got(url: str) -> None:
    client = new_client(url)
    dmg = {"symbol": "DMGUSDT"}
    placed = client.market("BUY", quantity="10000", **dmg).body
    assert (placed["status"], placed["executedQty"]) == ("EXPIRED", "5680.00000000")
    empty = client.market("BUY", quoteOrderQty="100", **dmg).body
    assert (empty["status"], empty["executedQty"]) == ("EXPIRED", "0.00000000")
    assert client.public("/api/v3/depth", **dmg).body["asks"] == []
    last = client.public("/api/v3/ticker/price", **dmg).body
    assert last["price"] == "0.05200000", "a few hundred dollars moved it by four percent"
    client.admin("POST", "markets/DMGUSDT/price", {"price": "0.05"})
    assert len(client.public("/api/v3/depth", **dmg).body["asks"]) == 3


def test_a_budget_buys_whole_steps_and_keeps_the_rest(client: Client) -> None:
    placed = client.market("BUY", symbol="ETHUSDT", quoteOrderQty="1000").body
    assert (placed["status"], placed["executedQty"]) == ("FILLED", "0.39990000")
    assert placed["cummulativeQuoteQty"] == "999.84997500"
    assert placed["origQuoteOrderQty"] == "1000.00000000"
    sold = client.market("SELL", symbol="ETHUSDT", quoteOrderQty="1000").body
    assert (sold["status"], sold["executedQty"]) == ("FILLED", "0.40000000")


def test_a_budget_larger_than_the_book_expires(url: str) -> None:
    rich = new_client(url, balances={"USDT": "100000000"})
    placed = rich.market("BUY", quoteOrderQty="90000000").body
    assert placed["status"] == "EXPIRED"
    assert float(placed["cummulativeQuoteQty"]) < 2_000_000
    assert rich.balances()["USDT"][1] == "0.00000000"


def test_a_post_only_order_never_takes(client: Client) -> None:
    order = {"side": "BUY", "type": "LIMIT_MAKER", "quantity": "1"}
    refused = client.order(**order, price=BEST_ASK)
    assert (refused.code, refused.message) == (-2010, "Order would immediately match and take.")
    resting = client.order(**order, price="50004.99").body
    assert set(resting) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}


def test_an_account_does_not_trade_with_itself(client: Client) -> None:
    resting = client.limit("SELL", "1", "50004").body
    taker = client.limit("BUY", "1", BEST_ASK).body
    assert client.fetch(resting)["status"] == "EXPIRED_IN_MATCH"
    assert (taker["status"], taker["fills"][0]["price"]) == ("FILLED", "50005.00000000")
    stays = client.limit("SELL", "1", "50004").body
    stopped = client.limit("BUY", "1", BEST_ASK, selfTradePreventionMode="EXPIRE_TAKER").body
    assert (stopped["status"], client.fetch(stays)["status"]) == ("EXPIRED_IN_MATCH", "NEW")
    both = client.limit("BUY", "1", BEST_ASK, selfTradePreventionMode="EXPIRE_BOTH").body
    assert (both["status"], client.fetch(stays)["status"]) == ("EXPIRED_IN_MATCH",) * 2
    assert client.balances()["BTC"][1] == client.balances()["USDT"][1] == "0.00000000"
    client.limit("SELL", "1", "50004")
    alone = client.limit("BUY", "1", "50004", selfTradePreventionMode="NONE").body
    assert alone["status"] == "FILLED"


def test_a_moved_price_fills_what_it_runs_over(client: Client) -> None:
    reached = client.limit("BUY", "1", "48000").body
    below = client.limit("BUY", "1", "46999.99").body
    high = client.limit("SELL", "1", "52000").body
    client.admin("POST", "markets/BTCUSDT/price", {"price": "47000"})
    assert [client.fetch(order)["status"] for order in (reached, below, high)] == [
        "FILLED",
        "NEW",
        "NEW",
    ]
    assert client.public("/api/v3/ticker/price", symbol="BTCUSDT").body["price"] == "47000.00000000"
    client.admin("POST", "markets/BTCUSDT/price", {"price": "53000"})
    assert client.fetch(high)["cummulativeQuoteQty"] == "52000.00000000"
    best = client.public("/api/v3/ticker/bookTicker", symbol="BTCUSDT").body
    assert float(best["bidPrice"]) < 53000 < float(best["askPrice"])


def test_the_house_shows_again_what_was_taken_but_not_against_a_resting_order(
    client: Client,
) -> None:
    before = client.public("/api/v3/depth", symbol="BTCUSDT").body
    client.market("BUY", quantity="5")
    after = client.public("/api/v3/depth", symbol="BTCUSDT").body
    assert (after["bids"], after["asks"]) == (before["bids"], before["asks"])
    assert after["lastUpdateId"] > before["lastUpdateId"]
    resting = client.limit("BUY", "3", BEST_ASK).body
    assert resting["status"] == "PARTIALLY_FILLED"
    asks = client.public("/api/v3/depth", symbol="BTCUSDT").body["asks"]
    assert float(asks[0][0]) > float(BEST_ASK)
    client.call("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert client.public("/api/v3/depth", symbol="BTCUSDT").body["asks"] == before["asks"]
