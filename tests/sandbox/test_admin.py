"""The admin surface makes keys and accounts, and only this machine reaches it."""

from collections.abc import Callable
from typing import Any

import pytest

from app.sandbox.limits import Limits
from app.sandbox.service import Options, Sandbox
from tests.sandbox.support import Client, Connection, hmac_signer, new_client

Start = Callable[[Options], Sandbox]


def test_a_key_drifts_and_is_deleted(client: Client) -> None:
    restrictions = "/sapi/v1/account/apiRestrictions"
    assert client.call("GET", restrictions).body["enableWithdrawals"] is False
    change = {"permissions": {"enableWithdrawals": True}}
    changed = client.admin("PATCH", f"keys/{client.api_key}", change)
    assert changed.body["permissions"]["enableWithdrawals"] is True
    assert client.call("GET", restrictions).body["enableWithdrawals"] is True
    placed = client.limit("BUY", "1", "49000").body
    assert client.admin("DELETE", f"keys/{client.api_key}").status == 200
    gone = client.call("GET", restrictions)
    assert (gone.status, gone.code) == (401, -2015)
    assert client.admin("DELETE", f"keys/{client.api_key}").status == 404
    asks = client.public("/api/v3/depth", symbol="BTCUSDT", limit="100").body["bids"]
    assert ["49000.00000000", placed["origQty"]] in asks, "the account's orders stay"


def test_two_keys_can_share_an_account(client: Client) -> None:
    account = client.admin("GET", f"accounts/{client.api_key}").body
    assert account["balances"]["USDT"] == {"free": "1000000.00000000", "locked": "0.00000000"}
    made = client.admin("POST", "keys", {"account_id": account["account_id"]}).body
    twin = Client(f"http://{client.address}", made["api_key"], hmac_signer(made["secret"]))
    placed = twin.limit("BUY", "1", "49000").body
    seen = client.admin("GET", f"accounts/{client.api_key}").body
    assert [order["orderId"] for order in seen["open_orders"]] == [placed["orderId"]]
    assert client.admin("POST", "keys", {"account_id": "house"}).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "dsa"},
        {"kind": "ed25519"},
        {"kind": "ed25519", "public_key_pem": "not a key"},
        {"kind": "hmac", "public_key_pem": "-----BEGIN PUBLIC KEY-----"},
        {"permissions": {"enableTeleport": True}},
        {"permissions": {"enableReading": "yes"}},
        {"balances": {"DOGE": "1"}},
        {"balances": {"USDT": "-1"}},
        {"balances": {"USDT": "NaN"}},
        {"balances": {"USDT": "0.000000001"}},
        {"unknown": 1},
    ],
)
def test_a_wrong_key_request_is_refused(url: str, wrong: dict[str, Any]) -> None:
    assert Connection(url).admin("POST", "keys", wrong).status == 400


def test_a_price_has_to_be_one_of_the_market(url: str) -> None:
    connection = Connection(url)
    assert connection.admin("POST", "markets/BTCUSDT/price", {"price": "0.001"}).code == -1013
    assert connection.admin("POST", "markets/BTCUSDT/price", {"price": "NaN"}).status == 400
    assert connection.admin("POST", "markets/NOPE/price", {"price": "1"}).code == -1121
    assert connection.admin("GET", "nothing").status == 404


def test_a_limit_is_set_anew_and_the_others_stay(start: Start) -> None:
    client = new_client(start(Options(limits=Limits(0, 1, 7))).url)
    assert client.limit("BUY", "0.01", "49000").status == 200
    assert client.limit("BUY", "0.01", "49000").code == -1015
    changed = client.admin("POST", "limits", {"orders_per_10_seconds": 0})
    assert changed.body == {
        "weight_per_minute": 0,
        "orders_per_10_seconds": 0,
        "orders_per_day": 7,
    }
    assert client.limit("BUY", "0.01", "49000").status == 200
    assert client.admin("POST", "limits", {"orders_per_day": 2}).status == 200
    assert client.limit("BUY", "0.01", "49000").code == -1015


@pytest.mark.parametrize(
    "wrong", [{"orders_per_day": -1}, {"orders_per_day": None}, {"orders_per_hour": 1}]
)
def test_a_wrong_limit_is_refused(url: str, wrong: dict[str, Any]) -> None:
    assert Connection(url).admin("POST", "limits", wrong).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example", "Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_page_in_a_browser_cannot_make_a_key(url: str, headers: dict[str, str]) -> None:
    answer = Connection(url).send("POST", "/sandbox/keys", body="{}", headers=headers)
    assert answer.status == 403


def test_no_answer_but_the_first_shows_a_secret(url: str) -> None:
    made = Connection(url).admin("POST", "keys", {})
    assert len(made.body["secret"]) == 64
    client = Client(url, made.body["api_key"], hmac_signer(made.body["secret"]))
    shown = [
        client.admin("GET", f"accounts/{client.api_key}"),
        client.admin("PATCH", f"keys/{client.api_key}", {}),
        client.call("GET", "/sapi/v1/account/apiRestrictions"),
    ]
    assert all(answer.status == 200 for answer in shown)
    assert made.body["secret"] not in repr(shown)
    assert new_client(url).api_key != client.api_key
