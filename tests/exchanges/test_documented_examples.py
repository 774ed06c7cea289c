"""The venues' own examples: key, request and signature as their documents print them."""

import hashlib
import hmac
from base64 import b64encode

from app.exchanges.binance_check import QuerySignature
from app.exchanges.guides import families
from app.exchanges.kraken import table as kraken
from app.exchanges.models import Unsigned
from app.exchanges.readback import Facts
from tests.exchanges.cases.kraken import KRAKEN
from tests.exchanges.support import API_KEY_ID, SECRET

EXAMPLES = {"kraken", "binance-us"}
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
