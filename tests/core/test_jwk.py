"""Public keys: a closed list of kinds, one spelling each, nothing private, nothing weak."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.core import jose
from app.core.jose import KeyRejected, SignatureRejected, public_jwk, verify_jws
from tests.core.keys import P256, Ed25519, Rsa, Signer, canonical, number, text

TYP = "tripcord+jws"
DEVICE, MODEL, PLATFORM = P256(), Ed25519(), Rsa()
SIGNERS = pytest.mark.parametrize(
    "signer", [DEVICE, MODEL, PLATFORM], ids=["ES256", "EdDSA", "RS256"]
)
PAYLOAD = b'{"domain":"d"}'
P = 2**255 - 19
ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)


def header(signer: Signer, **changes: Any) -> dict[str, Any]:
    return {"alg": signer.alg, "typ": TYP} | changes


def test_thumbprints_are_those_of_rfc_7638_and_rfc_8037() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_B"
        "JECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_F"
        "DW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4"
        "vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    rsa_key = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert jose.jwk_thumbprint(rsa_key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    okp = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert jose.jwk_thumbprint(okp) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert jose.jwk_thumbprint(DEVICE.jwk) == DEVICE.jkt


@SIGNERS
def test_a_public_key_is_reduced_to_its_required_members(signer: Signer) -> None:
    more = {"kid": "x", "use": "sig", "key_ops": ["verify"], "alg": signer.alg, "ext": True}
    assert public_jwk(signer.jwk | more) == signer.jwk
    assert public_jwk(signer.jwk, signer.alg) == signer.jwk


@SIGNERS
@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "k", "oth"])
def test_a_key_with_a_private_part_is_refused(signer: Signer, member: str) -> None:
    for value in ("AA", "", None):
        with pytest.raises(KeyRejected):
            public_jwk(signer.jwk | {member: value})


@SIGNERS
@pytest.mark.parametrize(
    "claim", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"alg": "HS256"}]
)
def test_a_key_for_something_else_is_refused(signer: Signer, claim: dict[str, Any]) -> None:
    with pytest.raises(KeyRejected):
        public_jwk(signer.jwk | claim)


@SIGNERS
def test_a_key_of_an_unexpected_algorithm_is_refused(signer: Signer) -> None:
    others = {"ES256", "EdDSA", "RS256"} - {signer.alg}
    with pytest.raises(KeyRejected):
        public_jwk(signer.jwk, *others)


@SIGNERS
def test_a_key_with_a_second_spelling_is_refused(signer: Signer) -> None:
    for member, value in signer.jwk.items():
        if member in {"kty", "crv"}:
            continue
        # 32 and 256 bytes leave unused bits in the last character, 3 bytes ("AQAB") do not.
        loose = value[:-1] + chr(ord(value[-1]) + 1)
        spellings = [value + "=", value + "\n", " " + value, *([loose] if member != "e" else [])]
        for spelling in spellings:
            with pytest.raises(KeyRejected):
                public_jwk(signer.jwk | {member: spelling})


@pytest.mark.parametrize(
    "jwk",
    [
        None, [], "", {}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC"}, {"kty": ["EC"]},
        DEVICE.jwk | {"crv": "P-384"}, DEVICE.jwk | {"crv": "secp256k1"}, DEVICE.jwk | {"crv": ""},
        DEVICE.jwk | {"crv": None}, DEVICE.jwk | {"kty": "ec"}, DEVICE.jwk | {"x": "AAAA"},
        DEVICE.jwk | {"x": 1}, DEVICE.jwk | {"y": DEVICE.jwk["x"]}, DEVICE.jwk | {"x": "é"},
        {key: value for key, value in DEVICE.jwk.items() if key != "y"},
        MODEL.jwk | {"crv": "Ed448"}, MODEL.jwk | {"crv": "X25519"}, MODEL.jwk | {"x": "AAAA"},
        PLATFORM.jwk | {"e": "AQ"}, PLATFORM.jwk | {"e": "AA"}, PLATFORM.jwk | {"n": "AQAB"},
        Rsa(1024).jwk,
        PLATFORM.jwk | {"n": text(bytes(128) + Rsa(1024).modulus)},
        PLATFORM.jwk | {"n": text(b"\0" + PLATFORM.modulus)},
    ],
)  # fmt: skip
def test_what_is_no_key_of_ours_is_refused(jwk: Any) -> None:
    with pytest.raises(KeyRejected):
        public_jwk(jwk)


@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1, ORDER_8, P - ORDER_8])
@pytest.mark.parametrize("sign", [0, 2**255])
def test_an_ed25519_key_under_which_one_signature_fits_all_is_refused(y: int, sign: int) -> None:
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": text((y + sign).to_bytes(32, "little"))}
    with pytest.raises(KeyRejected):
        public_jwk(jwk, "EdDSA")
    fits_all = text(b"\x01" + bytes(63))
    forged = f"{text(canonical(header(MODEL)))}.e30.{fits_all}"
    with pytest.raises(SignatureRejected):
        verify_jws(forged, expected_key=jwk, expected_typ=TYP)


def test_a_point_off_the_curve_is_refused() -> None:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    with pytest.raises(KeyRejected):
        public_jwk(DEVICE.jwk | {"x": number(point.x, 32)})
    with pytest.raises(KeyRejected):
        public_jwk(DEVICE.jwk | {"x": number(0, 32), "y": number(0, 32)})
