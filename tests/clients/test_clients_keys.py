"""Keys, proofs and statements, checked with PyJWT as any other implementation would."""

import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from scripts.clients.encoding import b64url, b64url_decode, canonical_json, sha256
from scripts.clients.keys import (
    KeyPair,
    SignatureInvalid,
    pin_key,
    thumbprint,
    verify_statement,
)

TYP, DOMAIN = "tripcord-sealing-key+jws", "tripcord/sealing-key/v1"


def opened(token: str, key: KeyPair) -> dict[str, Any]:
    public = jwt.PyJWK({**key.public_jwk, "alg": key.algorithm})
    complete: dict[str, Any] = jwt.PyJWS().decode_complete(
        token, public, algorithms=[key.algorithm]
    )
    return complete


def test_thumbprint_of_the_example_in_rfc_8037() -> None:
    example = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "use": "sig",
    }
    assert thumbprint(example) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_public_jwk_of_the_example_in_rfc_8037() -> None:
    seed = b64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    key = KeyPair(ed25519.Ed25519PrivateKey.from_private_bytes(seed))
    assert key.public_jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.algorithm == "EdDSA"


@pytest.mark.parametrize("make", [KeyPair.p256, KeyPair.ed25519])
def test_a_dpop_proof_binds_method_url_and_token(make: Any) -> None:
    key: KeyPair = make()
    proof = key.dpop_proof(
        "POST", "https://api.example/v1/orders?x=1#y", token="tc_grant_x", nonce="n-1"
    )
    complete = opened(proof, key)
    assert complete["header"] == {
        "typ": "dpop+jwt",
        "alg": key.algorithm,
        "jwk": key.public_jwk,
    }
    claims = json.loads(complete["payload"])
    assert claims["htm"] == "POST"
    assert claims["htu"] == "https://api.example/v1/orders"
    assert claims["ath"] == b64url(sha256(b"tc_grant_x"))
    assert claims["nonce"] == "n-1"
    assert abs(claims["iat"] - time.time()) < 5
    assert claims.keys() == {"jti", "htm", "htu", "iat", "ath", "nonce"}


def test_a_proof_without_token_or_nonce_claims_neither() -> None:
    key = KeyPair.p256()
    claims = json.loads(opened(key.dpop_proof("GET", "http://127.0.0.1:1/x"), key)["payload"])
    assert claims.keys() == {"jti", "htm", "htu", "iat"}


def test_no_two_proofs_share_their_identifier() -> None:
    key = KeyPair.p256()
    proofs = [key.dpop_proof("GET", "https://a.example/") for _ in range(20)]
    assert len({json.loads(opened(proof, key)["payload"])["jti"] for proof in proofs}) == 20


def test_a_proof_carries_the_public_half_only() -> None:
    key = KeyPair.p256()
    header = opened(key.dpop_proof("GET", "https://a.example/"), key)["header"]
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}


def test_a_statement_is_canonical_json_under_a_closed_header() -> None:
    key = KeyPair.p256()
    complete = opened(key.statement({"iat": 1, "domain": "d"}), key)
    assert complete["header"] == {"alg": "ES256", "typ": "tripcord+jws", "kid": key.jkt}
    assert complete["payload"] == b'{"domain":"d","iat":1}'


def test_a_client_assertion_verifies_as_a_jwt_for_its_audience_only() -> None:
    key = KeyPair.p256()
    token = key.client_assertion(client_id="c1", audience="https://a.example/oauth/token")
    public = jwt.PyJWK({**key.public_jwk, "alg": "ES256"})
    claims = jwt.decode(
        token, public, algorithms=["ES256"], audience="https://a.example/oauth/token"
    )
    assert (claims["iss"], claims["sub"]) == ("c1", "c1")
    assert claims["exp"] - claims["iat"] == 60
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, public, algorithms=["ES256"], audience="https://b.example/")


def test_a_key_does_not_print_its_private_half() -> None:
    key = KeyPair.p256()
    assert repr(key) == f"KeyPair(ES256, {key.jkt})"


def test_only_the_pinned_key_is_accepted() -> None:
    key, other = KeyPair.p256(), KeyPair.p256()
    assert pin_key(key.public_jwk, expected_jkt=key.jkt) == key.public_jwk
    with pytest.raises(SignatureInvalid):
        pin_key(other.public_jwk, expected_jkt=key.jkt)


def check(token: str, key: KeyPair) -> dict[str, Any]:
    return verify_statement(
        token, expected_jwk=key.public_jwk, expected_typ=TYP, expected_domain=DOMAIN
    )


def test_a_statement_of_the_service_gives_its_claims() -> None:
    key = KeyPair.p256()
    claims = {"domain": DOMAIN, "iat": 1}
    assert check(key.statement(claims, typ=TYP), key) == claims


def forge(key: KeyPair, payload: bytes, **header: Any) -> str:
    named = {"typ": TYP, "kid": key.jkt, **header}
    return jwt.PyJWS().encode(payload, key._private, algorithm="ES256", headers=named)


def hmac_with_the_public_key(key: KeyPair) -> str:
    header = canonical_json({"alg": "HS256", "typ": TYP, "kid": key.jkt})
    signing_input = f"{b64url(header)}.{b64url(canonical_json({'domain': DOMAIN}))}"
    secret = canonical_json(key.public_jwk)
    return f"{signing_input}.{b64url(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def unsigned(key: KeyPair) -> str:
    header = canonical_json({"alg": "none", "typ": TYP, "kid": key.jkt})
    return f"{b64url(header)}.{b64url(canonical_json({'domain': DOMAIN}))}."


@pytest.mark.parametrize(
    "forged",
    [
        lambda _: KeyPair.p256().statement({"domain": DOMAIN}, typ=TYP),
        lambda key: key.statement({"domain": DOMAIN}),
        lambda key: key.statement({"domain": "tripcord/checkpoint/v1"}, typ=TYP),
        lambda key: forge(key, canonical_json({"domain": DOMAIN}), kid="other"),
        lambda key: forge(key, canonical_json({"domain": DOMAIN}), jku="https://evil.example"),
        lambda key: forge(key, b'{"domain": "tripcord/sealing-key/v1"}'),
        lambda key: forge(key, b'["tripcord/sealing-key/v1"]'),
        hmac_with_the_public_key,
        unsigned,
        lambda _: "not.a.jws",
        lambda _: "",
    ],
)
def test_a_statement_that_is_not_exactly_right_is_refused(forged: Any) -> None:
    key = KeyPair.p256()
    with pytest.raises(SignatureInvalid):
        check(forged(key), key)


def test_a_flipped_bit_of_the_signature_is_refused() -> None:
    key = KeyPair.p256()
    head, payload, signature = key.statement({"domain": DOMAIN}, typ=TYP).split(".")
    raw = bytearray(b64url_decode(signature))
    raw[40] ^= 1
    with pytest.raises(SignatureInvalid):
        check(f"{head}.{payload}.{b64url(bytes(raw))}", key)
