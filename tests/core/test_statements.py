"""Statements: one shape per domain, exact fields, canonical bytes, the expected key."""

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.core.errors import Malformed
from app.core.jose import SignatureRejected
from app.core.statements import (
    BindDevice,
    BindFactor,
    Decision,
    EndReEnrolment,
    Heartbeat,
    LinkCredential,
    Order,
    RecoveryCodes,
    ReEnrol,
    digest_bytes,
    verify,
)
from tests.core.keys import P256, Ed25519, Signer, canonical, compact, jws, text, thumbprint

DEVICE, MODEL = P256(), Ed25519()
ID, DIGEST = str(UUID(int=7)), text(bytes(range(32)))
CLAIMS: dict[type[Any], dict[str, Any]] = {
    BindDevice: {
        "domain": "tripcord/bind-device/v1", "trader_id": ID, "code_sha256": DIGEST,
        "jkt": DIGEST, "name": "phone", "iat": 1,
    },
    BindFactor: {
        "domain": "tripcord/bind-factor/v1", "trader_id": ID, "device_id": ID,
        "sealing_key_id": ID, "envelope_sha256": DIGEST, "algorithm": "SHA1", "digits": 6,
        "period_seconds": 30, "label": "app", "iat": 1,
    },
    LinkCredential: {
        "domain": "tripcord/link/v1", "trader_id": ID, "device_id": ID, "venue": "sandbox",
        "api_key_id": "key", "label": "mine", "sealing_key_id": ID, "envelope_sha256": DIGEST,
        "iat": 1,
    },
    Decision: {
        "domain": "tripcord/decision/v1", "trader_id": ID, "device_id": ID, "approval_id": ID,
        "nonce": DIGEST, "digest": DIGEST, "decision": "approve", "method": "totp", "iat": 1,
    },
    RecoveryCodes: {
        "domain": "tripcord/recovery-codes/v1", "trader_id": ID, "device_id": ID, "iat": 1,
        "codes": [{"code_id": ID, "x": DIGEST}] * 10,
    },
    ReEnrol: {
        "domain": "tripcord/re-enrol/v1", "trader_id": ID, "code_id": ID, "jkt": DIGEST,
        "name": "phone", "authenticator_lost": False, "iat": 1,
    },
    EndReEnrolment: {
        "domain": "tripcord/re-enrolment-end/v1", "trader_id": ID, "re_enrolment_id": ID,
        "act": "veto", "iat": 1,
    },
    Heartbeat: {
        "domain": "tripcord/heartbeat/v1", "trader_id": ID, "device_id": ID, "nonce": DIGEST,
        "iat": 1,
    },
    Order: {
        "domain": "tripcord/order/v1", "trader_id": ID, "grant_id": ID, "sequence": 1, "iat": 1,
        "exp": 2, "intent": {"kind": "order"},
    },
}  # fmt: skip
SHAPES = pytest.mark.parametrize("shape", list(CLAIMS), ids=lambda shape: shape.__name__)


def signer_of(shape: type[Any]) -> Signer:
    return MODEL if shape is Order else DEVICE


def typ_of(shape: type[Any]) -> str:
    return "tripcord-order+jws" if shape is Order else "tripcord+jws"


def check(token: str, shape: type[Any]) -> Any:
    return verify(token, shape, expected_key=signer_of(shape).jwk)


def signed(shape: type[Any], **changes: Any) -> str:
    return jws(signer_of(shape), typ_of(shape), CLAIMS[shape] | changes)


def header(shape: type[Any]) -> dict[str, str]:
    return {"alg": signer_of(shape).alg, "typ": typ_of(shape)}


@SHAPES
def test_a_statement_comes_back_as_it_was_signed(shape: type[Any]) -> None:
    found = check(signed(shape), shape)
    assert type(found) is shape
    assert msgspec.to_builtins(found) == CLAIMS[shape]


@SHAPES
def test_an_unknown_field_is_refused(shape: type[Any]) -> None:
    with pytest.raises(SignatureRejected):
        check(signed(shape, more="x"), shape)


@SHAPES
def test_a_missing_field_and_a_null_are_refused(shape: type[Any]) -> None:
    for name in CLAIMS[shape]:
        without = {key: value for key, value in CLAIMS[shape].items() if key != name}
        for claims in (without, without | {name: None}):
            with pytest.raises(SignatureRejected):
                check(jws(signer_of(shape), typ_of(shape), claims), shape)


@SHAPES
def test_a_field_of_another_type_is_refused(shape: type[Any]) -> None:
    for name, value in CLAIMS[shape].items():
        other = 0 if isinstance(value, bool) else True
        for wrong in (other, [value], str(value) if isinstance(value, int) else 1):
            with pytest.raises(SignatureRejected):
                check(signed(shape, **{name: wrong}), shape)


@SHAPES
def test_a_statement_for_another_domain_is_worth_nothing_here(shape: type[Any]) -> None:
    for other, claims in CLAIMS.items():
        if other is not shape:
            with pytest.raises(SignatureRejected):
                check(signed(shape, domain=claims["domain"]), shape)
            with pytest.raises(SignatureRejected):
                check(jws(signer_of(shape), typ_of(shape), claims), shape)
    for near in ("tripcord/order/v2", CLAIMS[shape]["domain"] + " ", ""):
        with pytest.raises(SignatureRejected):
            check(signed(shape, domain=near), shape)


@SHAPES
def test_a_payload_that_is_not_canonical_is_refused(shape: type[Any]) -> None:
    claims = CLAIMS[shape]
    right = canonical(claims)
    twice = right[:-1] + b',"iat":1}' if b'"iat":1}' not in right else right[:-1] + b',"iat":2}'
    for payload in (
        json.dumps(claims, sort_keys=True).encode(),
        json.dumps(dict(sorted(claims.items(), reverse=True)), separators=(",", ":")).encode(),
        right + b"\n",
        b" " + right,
        right.replace(b'"iat":1', b'"iat":1.0'),
        right.replace(b'"iat":1', b'"iat":1e0'),
        right.replace(b"tripcord/", b"tripcord\\/"),
        right.replace(b'"iat"', b'"\\u0069at"'),
        twice,
    ):
        assert payload != right
        with pytest.raises(SignatureRejected):
            check(compact(header(shape), payload, signer_of(shape)), shape)
    assert check(compact(header(shape), right, signer_of(shape)), shape)


@SHAPES
@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'"x"', b"1", b"\xff", b"[" * 9000])
def test_a_payload_that_is_no_object_is_refused(shape: type[Any], payload: bytes) -> None:
    with pytest.raises(SignatureRejected):
        check(compact(header(shape), payload, signer_of(shape)), shape)


@SHAPES
def test_the_type_of_another_statement_is_refused(shape: type[Any]) -> None:
    for typ in ("tripcord+jws", "tripcord-order+jws", "tripcord-checkpoint+jws", "JWT", "dpop+jwt"):
        token = jws(signer_of(shape), typ, CLAIMS[shape])
        if typ == typ_of(shape):
            check(token, shape)
        else:
            with pytest.raises(SignatureRejected):
                check(token, shape)


@SHAPES
def test_a_statement_by_another_key_is_refused(shape: type[Any]) -> None:
    stranger = Ed25519() if shape is Order else P256()
    claimed = compact(
        header(shape) | {"kid": thumbprint(signer_of(shape).jwk)},
        canonical(CLAIMS[shape]),
        stranger,
    )
    for token in (jws(stranger, typ_of(shape), CLAIMS[shape]), claimed):
        with pytest.raises(SignatureRejected):
            check(token, shape)


@pytest.mark.parametrize(
    ("shape", "field", "wrong"),
    [
        (BindFactor, "digits", 7),
        (BindFactor, "period_seconds", 60),
        (BindFactor, "algorithm", "MD5"),
        (BindFactor, "label", ""),
        (BindFactor, "label", "x" * 65),
        (BindDevice, "name", ""),
        (BindDevice, "name", "x" * 65),
        (LinkCredential, "api_key_id", "x" * 129),
        (RecoveryCodes, "codes", []),
        (RecoveryCodes, "codes", [{"code_id": ID, "x": DIGEST}] * 9),
        (RecoveryCodes, "codes", [{"code_id": ID, "x": DIGEST}] * 11),
        (RecoveryCodes, "codes", [{"code_id": ID, "x": DIGEST, "secret": "x"}] * 10),
        (ReEnrol, "name", ""),
        (EndReEnrolment, "act", "expire"),
        (Decision, "decision", "maybe"),
        (Decision, "method", "sms"),
        (Decision, "number", "123"),
        (Decision, "number", "12345"),
        (Decision, "number", "1234\n"),
        (Decision, "number", "１２３４"),  # noqa: RUF001 - full-width digits
        (Decision, "number", None),
        (Decision, "digest", DIGEST[:-1]),
        (Decision, "digest", DIGEST + "A"),
        (Decision, "digest", DIGEST[:-1] + "\n"),
        (Decision, "digest", DIGEST[:-1] + "+"),
        (Order, "sequence", 0),
        (Order, "sequence", -1),
        (Order, "sequence", 2**53),
        (Order, "intent", []),
    ],
)
def test_a_value_outside_its_range_is_refused(shape: type[Any], field: str, wrong: Any) -> None:
    with pytest.raises(SignatureRejected):
        check(signed(shape, **{field: wrong}), shape)


def test_a_digest_is_32_bytes_in_one_spelling() -> None:
    assert digest_bytes(DIGEST) == bytes(range(32))
    second_spelling = DIGEST[:-1] + chr(ord(DIGEST[-1]) + 1)
    with pytest.raises(Malformed):
        digest_bytes(second_spelling)
    with pytest.raises(SignatureRejected):
        check(signed(Decision, digest=second_spelling), Decision)
