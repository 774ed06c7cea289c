"""Signatures: the key decides the algorithm, the header is a closed list, a key is a public key."""

import hashlib
import hmac
from typing import Any

import pytest

from app.core import jose
from app.core.jose import SignatureRejected, verify_jws, verify_statement
from tests.core.keys import P256, Ed25519, Rsa, Signer, canonical, compact, text

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


def verified(token: str, signer: Signer) -> bytes:
    return verify_jws(token, expected_key=signer.jwk, expected_typ=TYP)


@SIGNERS
def test_a_signature_by_the_expected_key_gives_its_payload(signer: Signer) -> None:
    for head in (header(signer), header(signer, kid=jose.jwk_thumbprint(signer.jwk))):
        assert verified(compact(head, PAYLOAD, signer), signer) == PAYLOAD


class Symmetric:
    """HMAC with what everybody knows: the public key in one of its spellings."""

    alg = "HS256"

    def __init__(self, jwk: dict[str, str], secret: bytes) -> None:
        self.jwk, self._secret = jwk, secret

    def raw(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, hashlib.sha256)


@SIGNERS
def test_hs256_under_the_public_key_is_refused(signer: Signer) -> None:
    for secret in (canonical(signer.jwk), next(iter(signer.jwk.values())).encode(), b""):
        forged = compact(header(signer, alg="HS256"), PAYLOAD, Symmetric(signer.jwk, secret))
        with pytest.raises(SignatureRejected):
            verified(forged, signer)


class Nobody:
    alg = "none"
    jwk: dict[str, str] = {}  # noqa: RUF012 - a stand-in for a key

    def raw(self, message: bytes) -> bytes:  # noqa: ARG002 - signs nothing
        return b""


@SIGNERS
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS256", "ES384", "PS256", None, 0])
def test_an_algorithm_that_is_not_the_keys_is_refused(signer: Signer, alg: Any) -> None:
    for maker in (signer, Nobody()):
        with pytest.raises(SignatureRejected):
            verified(compact(header(signer, alg=alg), PAYLOAD, maker), signer)
    with pytest.raises(SignatureRejected):
        verified(compact({"typ": TYP}, PAYLOAD, signer), signer)


@SIGNERS
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False},
        {"jku": "https://attacker.test/jwks"},
        {"x5u": "https://attacker.test/x5u"},
        {"x5c": ["MII"]},
        {"jwk": Ed25519().jwk},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"nonce": "1"},
        {"iat": 1},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_a_header_field_that_is_not_expected_is_refused(
    signer: Signer, extra: dict[str, Any]
) -> None:
    with pytest.raises(SignatureRejected):
        verified(compact(header(signer, **extra), PAYLOAD, signer), signer)


def test_a_key_inside_the_header_is_never_used() -> None:
    attacker = P256()
    for head in (header(DEVICE, jwk=attacker.jwk), header(DEVICE, kid=attacker.jkt)):
        with pytest.raises(SignatureRejected):
            verified(compact(head, PAYLOAD, attacker), DEVICE)
    allowed = frozenset({"alg", "typ", "jwk"})
    with pytest.raises(SignatureRejected):
        verify_jws(
            compact(header(DEVICE, jwk=attacker.jwk), PAYLOAD, attacker),
            expected_key=DEVICE.jwk, expected_typ=TYP, allowed_header=allowed,
        )  # fmt: skip


@pytest.mark.parametrize("typ", ["JWT", "tripcord+JWS", "application/tripcord+jws", "", None, 1])
def test_another_type_is_refused(typ: Any) -> None:
    with pytest.raises(SignatureRejected):
        verified(compact(header(DEVICE, typ=typ), PAYLOAD, DEVICE), DEVICE)
    with pytest.raises(SignatureRejected):
        verified(compact({"alg": "ES256"}, PAYLOAD, DEVICE), DEVICE)


def test_another_key_id_is_refused() -> None:
    kids: list[Any] = [P256().jkt, DEVICE.jkt[:-1], DEVICE.jkt + "=", "", None, 1, []]
    for kid in kids:
        with pytest.raises(SignatureRejected):
            verified(compact(header(DEVICE, kid=kid), PAYLOAD, DEVICE), DEVICE)


@SIGNERS
def test_no_single_changed_character_is_accepted(signer: Signer) -> None:
    token = compact(header(signer), PAYLOAD, signer)
    for place, right in enumerate(token):
        wrong = "A" if right != "A" else "B"
        with pytest.raises(SignatureRejected):
            verified(token[:place] + wrong + token[place + 1 :], signer)


def test_an_ecdsa_signature_is_64_bytes_and_not_der() -> None:
    signing_input, _, signature = compact(header(DEVICE), PAYLOAD, DEVICE).rpartition(".")
    raw = DEVICE.raw(signing_input.encode())
    for wrong in (
        DEVICE.der(signing_input.encode()), b"", bytes(64), raw[:-1], raw + b"\0", b"\0" + raw,
        raw[:32], bytes(32) + raw[32:], raw[:32] + bytes(32),
    ):  # fmt: skip
        with pytest.raises(SignatureRejected):
            verified(f"{signing_input}.{text(wrong)}", DEVICE)
    assert verified(f"{signing_input}.{signature}", DEVICE) == PAYLOAD


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token + ".",
        lambda token: token + ".AA",
        lambda token: "." + token,
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + "=",
        lambda token: token.replace(".", ".A", 1),
        lambda token: token.replace(".", "..", 1),
        lambda token: token.replace("e", "é", 1),
        lambda token: token + "A" * 16_384,
        lambda _: "",
        lambda _: "..",
        lambda _: "e30.e30.e30",
        lambda _: "W10.e30.e30",
        lambda _: "bnVsbA.e30.e30",
        lambda _: text(b"[" * 4_000) + ".e30.e30",
        lambda _: text(b'{"alg":"ES256"') + ".e30.e30",
        lambda _: text(b'{"alg":"\xff"}') + ".e30.e30",
    ],
)
def test_what_is_not_a_compact_jws_is_refused(spoil: Any) -> None:
    token = compact(header(DEVICE), PAYLOAD, DEVICE)
    assert verified(token, DEVICE) == PAYLOAD
    with pytest.raises(SignatureRejected):
        verified(spoil(token), DEVICE)


def test_of_two_header_fields_of_one_name_the_last_counts() -> None:
    """RFC 7515 section 4 leaves two ways; what may not be is that the first one counts."""
    honest, none = '"alg":"ES256"', '"alg":"none"'
    head = '{%s,%s,"typ":"tripcord+jws"}'
    assert verified(compact((head % (none, honest)).encode(), PAYLOAD, DEVICE), DEVICE) == PAYLOAD
    with pytest.raises(SignatureRejected):
        verified(compact((head % (honest, none)).encode(), PAYLOAD, DEVICE), DEVICE)


def test_a_payload_must_be_an_object_that_names_the_domain() -> None:
    for payload in (b"[]", b"null", b"1", b"{}", b'{"domain":"other"}', b'{"domain":null}'):
        with pytest.raises(SignatureRejected):
            verify_statement(
                compact(header(DEVICE), payload, DEVICE),
                expected_key=DEVICE.jwk, expected_typ=TYP, expected_domain="d",
            )  # fmt: skip
