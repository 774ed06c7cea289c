"""The venues' own examples: key, request and signature as their documents print them."""

import hashlib
import hmac
from base64 import b64encode

from app.exchanges.guides import families
from app.exchanges.kraken import table as kraken
from tests.exchanges.cases.kraken import KRAKEN

EXAMPLES = {"kraken"}
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
