"""The test vectors of WebAuthn Level 3 (section 16), each with our verdict and its rule.

They are of all kinds that the text allows; we want less: the user verified, no vendor's
attestation, no frames. User verification is given way to where what comes after it is tested.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from webauthn.helpers import parse_attestation_object

from app.webauthn import authenticator_data
from app.webauthn.assertion import verify_assertion
from app.webauthn.errors import PasskeyRejected
from app.webauthn.models import Registered, RelyingParty
from app.webauthn.registration import verify_registration
from app.webauthn.responses import Assertion, Registration
from scripts.clients.authenticator import Passkey as Held
from tests.webauthn.forging import row

VECTORS = (
    Path(__file__).resolve().parents[2].parent
    / "shared" / "vectors" / "webauthn_l3_test_vectors.json"
)  # fmt: skip
PREFIX = "sctn-test-vectors-"
VERDICTS = {
    # registration, assertion: "" is accepted, else the rule. UV is not asked for here.
    "none-es256": ("", ""),
    "packed-self-es256": ("", ""),
    "none-es256-crossOrigin": ("cross_origin", "cross_origin"),
    "none-es256-topOrigin": ("cross_origin", "cross_origin"),
    "none-es256-long-credential-id": ("", ""),
    "packed-es256": ("attestation_format", ""),
    "packed-es384": ("algorithm", "signature"),
    "packed-es512": ("algorithm", ""),
    "packed-rs256": ("attestation_format", ""),
    "packed-eddsa": ("attestation_format", ""),
    "packed-ed448": ("algorithm", "signature"),
    "tpm-es256": ("attestation_format", ""),
    "android-key-es256": ("attestation_format", ""),
    "apple-es256": ("attestation_format", ""),
    "fido-u2f-es256": ("attestation_format", ""),
}


def vectors() -> dict[str, Any]:
    if not VECTORS.exists():
        pytest.skip("../shared/vectors/webauthn_l3_test_vectors.json is not there")
    found: dict[str, Any] = json.loads(VECTORS.read_text())
    return found


def party(all_of_them: dict[str, Any]) -> RelyingParty:
    return RelyingParty(rp_id=all_of_them["rp_id"], origins=frozenset({all_of_them["origin"]}))


def cases(all_of_them: dict[str, Any]) -> dict[str, Any]:
    return {
        case["id"].removeprefix(PREFIX): case
        for case in all_of_them["vectors"]
        if "registration" in case
    }


def register(case: dict[str, Any], ours: RelyingParty) -> Registered:
    made = case["registration"]
    return verify_registration(
        Registration(
            credential_id=bytes.fromhex(made["credential_id"]),
            client_data=bytes.fromhex(made["clientDataJSON"]),
            attestation_object=bytes.fromhex(made["attestationObject"]),
            transports=[],
        ),
        expected_challenge=bytes.fromhex(made["challenge"]),
        relying_party=ours,
    )


def authenticate(case: dict[str, Any], ours: RelyingParty) -> None:
    """The assertion, by the key that the vector registered: even where we would not register it."""
    made, got = case["registration"], case["authentication"]
    data = parse_attestation_object(bytes.fromhex(made["attestationObject"])).auth_data
    assert data.attested_credential_data is not None
    held = Held(ours.rp_id, b"", bytes.fromhex(made["credential_id"]))
    passkey = row(
        held, public_key=data.attested_credential_data.credential_public_key,
        backup_eligible=data.flags.be, backed_up=data.flags.bs,
    )  # fmt: skip
    verify_assertion(
        Assertion(
            credential_id=held.credential_id,
            client_data=bytes.fromhex(got["clientDataJSON"]),
            authenticator_data=bytes.fromhex(got["authenticatorData"]),
            signature=bytes.fromhex(got["signature"]),
            user_handle=None,
        ),
        passkey=passkey,
        allowed_ids={held.credential_id},
        expected_challenge=bytes.fromhex(got["challenge"]),
        relying_party=ours,
    )


def rule_of(verify: Any, *arguments: Any) -> str:
    try:
        verify(*arguments)
    except PasskeyRejected as refused:
        return str(refused.rule)
    return ""


def test_every_vector_gets_the_verdict_that_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    all_of_them = vectors()
    monkeypatch.setattr(authenticator_data, "check_user_verified", lambda **_: None)
    ours = party(all_of_them)
    found = {
        name: (rule_of(register, case, ours), rule_of(authenticate, case, ours))
        for name, case in cases(all_of_them).items()
    }
    assert found == VERDICTS


def test_a_vector_without_user_verification_is_refused_for_that() -> None:
    all_of_them = vectors()
    ours, case = party(all_of_them), cases(all_of_them)["none-es256"]
    assert rule_of(register, case, ours) == "user_verified"
    assert rule_of(authenticate, case, ours) == "user_verified"


def test_a_vector_with_one_bit_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the bit is, and whatever is refused because of it."""
    all_of_them = vectors()
    monkeypatch.setattr(authenticator_data, "check_user_verified", lambda **_: None)
    ours, case = party(all_of_them), cases(all_of_them)["packed-self-es256"]
    for part, names in (
        ("registration", ("clientDataJSON", "attestationObject")),
        ("authentication", ("clientDataJSON", "authenticatorData", "signature")),
    ):
        verify: Any = register if part == "registration" else authenticate
        for name in names:
            raw = bytes.fromhex(case[part][name])
            for place in range(0, len(raw), 7):
                changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
                copy = msgspec.json.decode(msgspec.json.encode(case))
                copy[part][name] = changed.hex()
                assert rule_of(verify, copy, ours), (name, place)
