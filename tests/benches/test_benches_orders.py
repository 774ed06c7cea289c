"""The ready-made orders are orders: our own verifiers take them, and each is another one."""

import json
from datetime import UTC, datetime
from http.client import HTTPMessage, parse_headers
from io import BytesIO
from uuid import uuid4

import pytest

from app.api.dpop import verify_proof
from app.core import statements, token
from app.guardrails.intents import parse_intent
from scripts.benches.orders import OrderBook
from scripts.benches.traders import Trader
from scripts.clients.encoding import Json, Secret
from scripts.clients.keys import KeyPair
from scripts.clients.venue import VenueKey

ORIGIN = "http://127.0.0.1:8787"
INTENT = {
    "kind": "order",
    "market": "BTCUSDT",
    "side": "buy",
    "type": "limit",
    "quantity": "0.001",
    "price": "47500.00",
    "time_in_force": "IOC",
}


@pytest.fixture
def trader() -> Trader:
    trader_id, grant_id = uuid4(), uuid4()
    bearer = token.mint(token.TokenKind.GRANT, trader_id, grant_id).reveal()
    venue_key = VenueKey("k", Secret("s"))
    return Trader(trader_id, grant_id, Secret(bearer), KeyPair.ed25519(), venue_key)


def taken_apart(ready: bytes) -> tuple[str, HTTPMessage, Json]:
    stream = BytesIO(ready)
    first = stream.readline().decode().rstrip()
    headers = parse_headers(stream)
    body = stream.read()
    assert int(headers["Content-Length"]) == len(body)
    return first, headers, dict(json.loads(body))


def test_an_order_and_its_proof_pass_our_own_checks(trader: Trader) -> None:
    (ready,) = OrderBook(trader, ORIGIN, INTENT).ready(1)
    first, headers, body = taken_apart(ready)
    assert first == "POST /v1/orders HTTP/1.1"
    proof = verify_proof(
        headers["DPoP"],
        expected_method="POST",
        expected_url=f"{ORIGIN}/v1/orders",
        access_token=headers["Authorization"].removeprefix("DPoP "),
        now=datetime.now(UTC),
    )
    assert proof.jkt == trader.key.jkt
    order = statements.verify(body["order"], statements.Order, expected_key=trader.key.public_jwk)
    assert (order.trader_id, order.grant_id) == (trader.trader_id, trader.grant_id)
    assert (order.sequence, order.exp - order.iat) == (1, 30)
    assert parse_intent(order.intent).time_in_force == "IOC"


def test_no_two_orders_share_a_number_or_a_proof(trader: Trader) -> None:
    book = OrderBook(trader, ORIGIN, INTENT)
    parts = [taken_apart(ready) for ready in (*book.ready(3), *book.ready(2))]
    assert len({headers["DPoP"] for _, headers, _ in parts}) == 5
    orders = [
        statements.verify(body["order"], statements.Order, expected_key=trader.key.public_jwk)
        for _, _, body in parts
    ]
    assert [order.sequence for order in orders] == [1, 2, 3, 4, 5]
