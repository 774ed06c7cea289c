"""The unmodified client trades here, with each kind of key and in both of its forms."""

from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.async_support as ccxt_async
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tests.sandbox.support import Connection, ccxt_options, private_pem, public_pem


def credentials(url: str, kind: str) -> tuple[str, str]:
    """A key of this kind with 100,000 USDT; the secret as ccxt wants it."""
    wanted: dict[str, Any] = {"kind": kind, "balances": {"USDT": "100000", "BTC": "1"}}
    secret = None
    if kind != "hmac":
        key = (
            Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
        )
        wanted["public_key_pem"], secret = public_pem(key), private_pem(key)
    made = Connection(url).admin("POST", "keys", wanted).body
    return made["api_key"], secret or made["secret"]


@pytest.fixture(params=["hmac", "ed25519", "rsa"])
def exchange(url: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = ccxt.binance(ccxt_options(url, *credentials(url, request.param)))
    made.enableRateLimit = False
    yield made
    made.session.close()


def test_ccxt_loads_markets_and_prices(exchange: Any) -> None:
    markets = exchange.load_markets()
    assert set(markets) == {"BTC/USDT", "ETH/USDT", "ETH/BTC", "DMG/USDT"}
    precision = markets["BTC/USDT"]["precision"]
    assert (precision["amount"], precision["price"]) == (0.00001, 0.01)
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5
    assert markets["BTC/USDT"]["active"]
    ticker = exchange.fetch_ticker("BTC/USDT")
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert set(exchange.fetch_tickers()) == set(markets)
    book = exchange.fetch_order_book("ETH/BTC")
    assert book["bids"][0][0] < book["asks"][0][0]


def test_ccxt_places_finds_and_cancels_a_limit_order(exchange: Any) -> None:
    placed = exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 49000)
    assert placed["status"] == "open"
    assert exchange.fetch_balance()["USDT"] == {"free": 75500, "used": 24500, "total": 100000}
    assert [order["id"] for order in exchange.fetch_open_orders("BTC/USDT")] == [placed["id"]]
    found = exchange.fetch_order(placed["id"], "BTC/USDT")
    assert found["clientOrderId"] == placed["clientOrderId"]
    assert exchange.cancel_order(placed["id"], "BTC/USDT")["status"] == "canceled"
    assert exchange.fetch_open_orders("BTC/USDT") == []
    assert exchange.fetch_balance()["USDT"]["free"] == 100000
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(placed["id"], "BTC/USDT")


def test_ccxt_buys_and_sells_at_market(exchange: Any) -> None:
    bought = exchange.create_order("BTC/USDT", "market", "buy", 0.5)
    assert (bought["status"], bought["filled"], bought["average"]) == ("closed", 0.5, 50005)
    assert bought["fee"] == {"currency": "BTC", "cost": 0.0005}
    sold = exchange.create_order("BTC/USDT", "market", "sell", 0.1)
    assert sold["fee"]["currency"] == "USDT"
    spent = exchange.create_market_buy_order_with_cost("ETH/USDT", 1000)
    assert (spent["status"], spent["filled"]) == ("closed", 0.3999)
    trades = exchange.fetch_my_trades("BTC/USDT")
    assert [trade["order"] for trade in trades] == [bought["id"], sold["id"]]
    assert [order["status"] for order in exchange.fetch_orders("BTC/USDT")] == ["closed"] * 2


def test_ccxt_recognises_the_refusals(exchange: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USDT", "limit", "buy", 5, 49000)
    with pytest.raises(ccxt.BadRequest, match="Filter failure: NOTIONAL"):
        exchange.create_order("BTC/USDT", "limit", "buy", 0.00002, 49000)
    with pytest.raises(ccxt.InvalidOrder, match="LOT_SIZE"):
        exchange.create_order("BTC/USDT", "market", "sell", 9001)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        exchange.create_order("BTC/USDT", "limit", "buy", 1, 50100, {"postOnly": True})
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("999999", "BTC/USDT")


def test_ccxt_is_refused_with_a_key_the_venue_does_not_know(exchange: Any) -> None:
    exchange.load_markets()
    exchange.apiKey = "A" * 64
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        exchange.fetch_balance()


@pytest.mark.parametrize("kind", ["hmac", "ed25519"])
async def test_ccxt_trades_asynchronously(url: str, kind: str) -> None:
    exchange = ccxt_async.binance(ccxt_options(url, *credentials(url, kind)))
    try:
        await exchange.load_markets()
        placed = await exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 49000)
        assert len(await exchange.fetch_open_orders("BTC/USDT")) == 1
        await exchange.cancel_order(placed["id"], "BTC/USDT")
        bought = await exchange.create_order("BTC/USDT", "market", "buy", 0.01)
        assert bought["status"] == "closed"
        assert (await exchange.fetch_balance())["BTC"]["free"] == 1.00999
        assert (await exchange.sapiGetAccountApiRestrictions())["enableWithdrawals"] is False
    finally:
        await exchange.close()
