"""The venues' own examples: key, request and signature as their documents print them."""

import hashlib
import hmac
from base64 import b64encode

import pytest

from app.exchanges.binance_check import QuerySignature
from app.exchanges.bitmex import table as bitmex
from app.exchanges.guides import families
from app.exchanges.kraken import table as kraken
from app.exchanges.models import Unsigned
from app.exchanges.readback import Facts
from tests.exchanges.cases.bitmex import BITMEX
from tests.exchanges.cases.kraken import KRAKEN
from tests.exchanges.support import API_KEY_ID, SECRET

EXAMPLES = {"kraken", "binance-us", "bitmex"}
"""Families with a test below; held against the guides' `proof`."""


def test_every_guide_that_claims_a_documented_example_has_one_here() -> None:
    claimed = {name for name, guide in families().items() if "documented_example" in guide.proof}
    assert claimed == EXAMPLES


def test_kraken_spot_rest_authentication() -> None:
    form = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    message = kraken.message_of("/0/private/AddOrder", "1616492376594", form)
    assert b64encode(hmac.digest(KRAKEN.secret, message, hashlib.sha512)).decode() == (
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    )


def test_binance_us_signed_endpoint_example_as_a_request_body() -> None:
    form = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        "&recvWindow=5000&timestamp=1499827319559"
    )
    request = Unsigned(
        venue="binance-us",
        method="POST",
        path_and_query="/api/v3/order",
        headers=(
            ("X-MBX-APIKEY", API_KEY_ID),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ),
        body=form.encode(),
        message=form.encode(),
        algorithm="hmac-sha256",
        sentinel=bytes(32),
    )
    facts = Facts(
        method="POST",
        path="/api/v3/order",
        query="",
        body=form,
        api_key_id=API_KEY_ID,
        now_ms=1499827319559,
    )
    QuerySignature(5000).check(request, facts)
    assert hmac.digest(SECRET.encode(), request.message, hashlib.sha256).hex() == (
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    )


_BITMEX_BODY = (
    '{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}'
)


@pytest.mark.parametrize(
    ("method", "target", "expires", "body", "signature"),
    [
        (
            "GET", "/api/v1/instrument", "1518064236", "",
            "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
        ),
        (
            "GET", "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D", "1518064237", "",
            "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
        ),
        (
            "POST", "/api/v1/order", "1518064238",
            _BITMEX_BODY,
            "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
        ),
    ],
)  # fmt: skip
def test_bitmex_api_key_usage(
    method: str, target: str, expires: str, body: str, signature: str
) -> None:
    message = bitmex.message_of(method, target, expires, body)
    assert hmac.digest(BITMEX.secret, message, hashlib.sha256).hex() == signature
