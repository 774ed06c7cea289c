"""The venue checks keys, clocks and signatures itself, and says no as Binance does."""

from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.sandbox.auth import split_signature
from app.sandbox.errors import VenueError
from app.sandbox.keys import HmacVerifier
from tests.sandbox.support import (
    Client,
    Connection,
    ed25519_signer,
    hmac_signer,
    new_client,
    now_ms,
    public_pem,
)

ACCOUNT = "/api/v3/account"
ORDER = "/api/v3/order"

# The example of binance-spot-api-docs, rest-api.md, "HMAC Keys".
DOCUMENTED_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
DOCUMENTED = (
    (
        (
            b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
            b"&recvWindow=5000&timestamp=1499827319559"
        ),
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    (
        (
            b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT"
            b"&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        ),
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
)


@pytest.mark.parametrize(("payload", "signature"), DOCUMENTED)
def test_the_documented_signatures_verify_in_either_case(payload: bytes, signature: str) -> None:
    verifier = HmacVerifier(DOCUMENTED_SECRET)
    verifier.verify(payload, signature)
    verifier.verify(payload, signature.upper())
    with pytest.raises(VenueError, match="Signature"):
        verifier.verify(payload + b"0", signature)


def test_the_signed_bytes_are_query_then_body_without_separator() -> None:
    signed = split_signature(b"symbol=X&side=BUY", b"quantity=1&signature=ab%2Bc%3D")
    assert signed == (b"symbol=X&side=BUYquantity=1", "ab+c=")


def test_a_plus_in_an_unencoded_base64_signature_stays_a_plus() -> None:
    assert split_signature(b"a=1&signature=x+y/z=", b"")[1] == "x+y/z="


def test_an_order_may_be_split_between_query_and_body(client: Client) -> None:
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=1&price=49000&timestamp={now_ms()}"
    signature = client.sign(f"{query}{body}".encode())
    answer = client.send(
        "POST",
        f"{ORDER}?{query}",
        body=f"{body}&signature={signature}",
        headers={
            "X-MBX-APIKEY": client.api_key,
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    assert answer.body["status"] == "NEW", answer


@pytest.mark.parametrize("forged", ["0" * 64, "zz", "é", "%00"])
def test_a_forged_signature_is_refused(client: Client, forged: str) -> None:
    payload = urlencode({"timestamp": now_ms()})
    answer = client.signed("GET", ACCOUNT, payload, signature=urlencode({"": forged})[1:])
    assert (answer.status, answer.code) == (400, -1022)


def test_a_parameter_changed_after_signing_is_refused(client: Client, url: str) -> None:
    payload = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&timestamp={now_ms()}"
    signature = client.sign(payload.encode())
    changed = payload.replace("quantity=1", "quantity=2")
    assert client.signed("POST", ORDER, changed, signature=signature).code == -1022
    reordered = "&".join(reversed(payload.split("&")))
    assert client.signed("POST", ORDER, reordered, signature=signature).code == -1022
    assert client.balances() == new_client(url).balances(), "nothing was traded"


def test_the_secret_of_another_key_does_not_sign(client: Client, url: str) -> None:
    client.sign = new_client(url).sign
    assert client.call("GET", ACCOUNT).code == -1022


def test_an_ed25519_key_signs_and_another_one_does_not(url: str) -> None:
    key = Ed25519PrivateKey.generate()
    wanted = {"kind": "ed25519", "public_key_pem": public_pem(key)}
    made = Connection(url).admin("POST", "keys", wanted)
    assert "secret" not in made.body
    signer = Client(url, made.body["api_key"], ed25519_signer(key))
    assert signer.call("GET", ACCOUNT).status == 200
    signer.sign = ed25519_signer(Ed25519PrivateKey.generate())
    assert signer.call("GET", ACCOUNT).code == -1022
    signer.sign = hmac_signer(public_pem(key))
    assert signer.call("GET", ACCOUNT).code == -1022, "the public key is not an HMAC secret"


def test_exactly_one_signature_is_wanted(client: Client) -> None:
    payload = urlencode({"timestamp": now_ms()})
    headers = {"X-MBX-APIKEY": client.api_key}
    unsigned = client.send("GET", f"{ACCOUNT}?{payload}", headers=headers)
    assert (unsigned.code, "'signature'" in unsigned.message) == (-1102, True)
    signature = client.sign(payload.encode())
    twice = f"{ACCOUNT}?{payload}&signature={signature}&signature={signature}"
    assert client.send("GET", twice, headers=headers).code == -1101


@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (-4_000, None, None),
        (-6_000, None, -1021),
        (-6_000, "10000", None),
        (-6_000, "60000", None),
        (-6_000, "60001", -1102),
        (-6_000, "0.5", -1021),
        (-6_000, "soon", -1100),
        (500, None, None),
        (2_000, None, -1021),
        (2_000, "60000", -1021),
    ],
)
def test_a_request_has_to_be_of_now(
    client: Client, offset_ms: int, window: str | None, code: int | None
) -> None:
    params = {"timestamp": str(now_ms() + offset_ms)} | ({"recvWindow": window} if window else {})
    answer = client.signed("GET", ACCOUNT, urlencode(params))
    assert answer.body.get("code") == code
    assert answer.status == (400 if code else 200)


def test_a_timestamp_may_be_in_microseconds_and_must_be_there(client: Client) -> None:
    assert client.signed("GET", ACCOUNT, f"timestamp={now_ms()}000").status == 200
    assert client.signed("GET", ACCOUNT, "recvWindow=5000").code == -1102
    assert client.signed("GET", ACCOUNT, "timestamp=yesterday").code == -1100


@pytest.mark.parametrize(
    ("api_key", "code"), [("", -2014), ("short", -2014), ("!" * 64, -2014), ("A" * 64, -2015)]
)
def test_a_key_needs_the_right_form_and_to_exist(client: Client, api_key: str, code: int) -> None:
    client.api_key = api_key
    answer = client.call("GET", ACCOUNT)
    assert (answer.status, answer.code) == (401, code)


def test_a_key_may_do_what_its_permissions_say(url: str) -> None:
    reader = new_client(url, permissions={"enableSpotAndMarginTrading": False})
    assert reader.call("GET", ACCOUNT).body["canTrade"] is False
    assert (reader.market("BUY", quantity="1").status, reader.market("BUY", quantity="1").code) == (
        401,
        -2015,
    )
    blind = new_client(url, permissions={"enableReading": False})
    assert blind.call("GET", ACCOUNT).code == -2015
    assert blind.market("BUY", quantity="0.01").body["status"] == "FILLED"
    restrictions = blind.call("GET", "/sapi/v1/account/apiRestrictions").body
    assert restrictions["enableReading"] is False


def test_a_key_bound_to_another_address_is_refused(url: str) -> None:
    elsewhere = new_client(url, permissions={"ipRestrict": True}, ip_list=["203.0.113.7"])
    assert elsewhere.call("GET", ACCOUNT).code == -2015
    here = new_client(url, permissions={"ipRestrict": True}, ip_list=["127.0.0.1"])
    assert here.call("GET", ACCOUNT).status == 200
