"""The table of steps: WebAuthn Level 3, sections 7.1 and 7.2, each with a forgery that it stops.

Numbers as counted in the editor's draft of 2026-07-30. The forgeries are signed by the key that
would have to sign them; only the step named stands between them and a yes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2
import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.webauthn.assertion import check_counter, verify_assertion
from app.webauthn.errors import CounterRegressed, PasskeyRejected
from app.webauthn.models import Asserted, Registered
from app.webauthn.registration import verify_registration
from app.webauthn.responses import read_assertion, read_registration
from scripts.clients.authenticator import Passkey as Held
from scripts.clients.authenticator import cose_key, sign
from tests.webauthn.forging import AT, BE, BS, CHALLENGE, ED, OURS, UP, UV, Attempt, row

Change = Callable[[Attempt], Any]


class Step(NamedTuple):
    number: int
    rule: str
    forgery: str
    change: Change


def client(**members: Any) -> Change:
    return lambda attempt: attempt.client.update(members)


def settings(**members: Any) -> Change:
    def change(attempt: Attempt) -> None:
        for name, value in members.items():
            setattr(attempt, name, value)

    return change


def flags(*, less: int = 0, more: int = 0) -> Change:
    return lambda attempt: setattr(attempt, "flags", attempt.flags & ~less | more)


def with_id(length: int) -> Change:
    return lambda attempt: setattr(attempt.held, "credential_id", b"\x07" * length)


def of_another_curve(attempt: Attempt) -> None:
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    x, y = (n.to_bytes(48, "big") for n in (numbers.x, numbers.y))
    attempt.cose = cbor2.dumps({1: 2, 3: -35, -1: 2, -2: x, -3: y})


def self_attested_by_another(attempt: Attempt) -> None:
    other = Held(OURS.rp_id, b"")
    attempt.attestation = lambda data, said: (
        "packed", {"alg": -7, "sig": sign(other, data, said)},
    )  # fmt: skip


def with_a_certificate(attempt: Attempt) -> None:
    attempt.attestation = lambda data, said: (
        "packed", {"alg": -7, "sig": sign(attempt.held, data, said), "x5c": [b"\x30\x00"]},
    )  # fmt: skip


def as_another_format(attempt: Attempt) -> None:
    attempt.attestation = lambda *_: ("android-safetynet", {"ver": "1", "response": b"x"})


def a_none_that_says_something(attempt: Attempt) -> None:
    attempt.attestation = lambda *_: ("none", {"sig": b"x"})


ON_THE_CLIENT = (
    Step(5, "client_data", "bytes that are no UTF-8", client(origin="\udcff")),
    Step(6, "client_data", "a challenge that is no text", client(challenge=7)),
    Step(8, "challenge", "a challenge of another ceremony", client(challenge="A" * 43)),
    Step(8, "challenge", "the same bytes in another spelling", client(
        challenge="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")),
    Step(9, "origin", "a page of somebody else's", client(origin="https://cord.example.evil")),
    Step(9, "origin", "a sub-domain of ours", client(origin="https://shop.cord.example")),
    Step(9, "origin", "our name without TLS", client(origin="http://cord.example")),
    Step(9, "origin", "another port of ours", client(origin="https://cord.example:8443")),
    Step(9, "origin", "our name in capitals", client(origin="https://CORD.example")),
    Step(9, "origin", "an app signed by somebody else", client(
        origin="android:apk-key-hash:" + "B" * 43)),
    Step(10, "cross_origin", "our page in a frame of theirs", client(crossOrigin=True)),
    Step(11, "top_origin", "a frame that says so only there", client(topOrigin="https://evil.example")),
)  # fmt: skip

ON_THE_AUTHENTICATOR = (
    Step(13, "authenticator_data", "bytes after the last field", settings(tail=b"\0")),
    Step(13, "authenticator_data", "extensions that are no CBOR", flags(more=ED)),
    Step(14, "rp_id", "a passkey of another site", settings(rp_id="evil.example")),
    Step(15, "user_present", "malware that asks while nobody is there", flags(less=UP)),
    Step(16, "user_verified", "a stolen key, touched by its thief", flags(less=UV)),
    Step(17, "backup_flags", "backed up, and not to be backed up", flags(less=BE, more=BS)),
)

REGISTRATION = (
    *ON_THE_CLIENT,
    Step(7, "type", "an assertion in place of a registration", client(type="webauthn.get")),
    Step(13, "attestation_object", "bytes after the map", settings(after=b"\0")),
    *ON_THE_AUTHENTICATOR,
    Step(13, "authenticator_data", "no credential at all", settings(is_new=False)),
    Step(13, "authenticator_data", "half a credential", flags(less=AT)),
    Step(13, "credential_id", "an id that was not made here", settings(told_id=b"\x09" * 32)),
    Step(20, "algorithm", "a key of a kind we did not ask for", of_another_curve),
    Step(20, "algorithm", "a key that is no key", settings(cose=cbor2.dumps({1: 2}))),
    Step(21, "attestation", "a statement by another key", self_attested_by_another),
    Step(21, "attestation", "an empty statement that is not empty", a_none_that_says_something),
    Step(23, "attestation_format", "a vendor's certificate", with_a_certificate),
    Step(23, "attestation_format", "a format that was not asked for", as_another_format),
    Step(24, "credential_id_length", "an id of 1024 bytes", with_id(1024)),
    Step(24, "credential_id_length", "an id that could be met twice", with_id(15)),
)


def another_key(attempt: Attempt) -> None:
    attempt.signer = Held(OURS.rp_id, b"", attempt.held.credential_id)


ASSERTION = (
    Step(5, "allow_list", "a passkey that was not asked for", settings(told_id=b"\x09" * 32)),
    Step(6, "user_handle", "a passkey of another account", settings(user=b"\x09" * 16)),
    # What the client says is three numbers later than in 7.1, what the authenticator says one.
    *(step._replace(number=step.number + 3) for step in ON_THE_CLIENT),
    Step(10, "type", "a registration in place of an assertion", client(type="webauthn.create")),
    *(step._replace(number=max(step.number + 1, 15)) for step in ON_THE_AUTHENTICATOR),
    Step(19, "backup_eligible", "the copy of a passkey that has none", flags(less=BE | BS)),
    Step(21, "signature", "a signature by another key", another_key),
)  # fmt: skip


def named(step: Step) -> str:
    return f"{step.number}-{step.rule}-{step.forgery.replace(' ', '_')}"


def register(attempt: Attempt) -> Registered:
    return verify_registration(
        read_registration(attempt.registration()), expected_challenge=CHALLENGE, relying_party=OURS
    )


def assert_(attempt: Attempt, *, listed: bool = True, **changes: Any) -> Asserted:
    stored = row(attempt.held, **changes)
    return verify_assertion(
        read_assertion(attempt.assertion()), passkey=stored,
        allowed_ids={stored.credential_id} if listed else None,
        expected_challenge=CHALLENGE, relying_party=OURS,
    )  # fmt: skip


def test_an_honest_registration_is_accepted_and_recorded() -> None:
    attempt = Attempt("webauthn.create")
    registered = register(attempt)
    assert registered.credential_id == attempt.held.credential_id
    assert registered.public_key == cose_key(attempt.held)
    assert (registered.backup_eligible, registered.backed_up) == (True, True)
    assert (registered.attestation, registered.sign_count) == ("none", 0)
    assert registered.transports == ["internal"]
    single = register(Attempt("webauthn.create", synced=False))
    assert (single.backup_eligible, single.backed_up) == (False, False)


def test_a_new_key_that_attests_itself_is_accepted() -> None:
    attempt = Attempt("webauthn.create")
    attempt.attestation = lambda data, said: (
        "packed", {"alg": -7, "sig": sign(attempt.held, data, said)},
    )  # fmt: skip
    assert register(attempt).attestation == "packed"


def test_an_honest_assertion_is_accepted_from_our_page_and_from_our_app() -> None:
    for origin in sorted(OURS.origins):
        attempt = Attempt("webauthn.get")
        attempt.client["origin"] = origin
        assert assert_(attempt) == Asserted(sign_count=0, backed_up=True)


@pytest.mark.parametrize("step", REGISTRATION, ids=named)
def test_section_7_1_stops(step: Step) -> None:
    attempt = Attempt("webauthn.create")
    step.change(attempt)
    with pytest.raises(PasskeyRejected) as refused:
        register(attempt)
    assert refused.value.rule == step.rule


@pytest.mark.parametrize("step", ASSERTION, ids=named)
def test_section_7_2_stops(step: Step) -> None:
    attempt = Attempt("webauthn.get")
    step.change(attempt)
    with pytest.raises(PasskeyRejected) as refused:
        assert_(attempt)
    assert refused.value.rule == step.rule


def test_the_table_names_every_step_that_a_response_can_fail() -> None:
    """The rest of 7.1: 12 is a hash, 18 and 19 record what they find, 22 asks for anchors that
    we do not have, 25 and 26 are the database's (`tests/signing/test_passkeys.py`). Of 7.2: 7 looks
    the key up, 20 is a hash, 22 is below, 24 is the deciding transaction's.
    """
    registration = {*range(5, 12), *range(13, 18), 20, 21, 23, 24}
    assert {step.number for step in REGISTRATION} == registration
    assert {step.number for step in ASSERTION} == {5, 6, *range(8, 20), 21}
    assert len(REGISTRATION) + len(ASSERTION) >= 40


def test_without_a_list_the_passkey_itself_must_say_whose_it_is() -> None:
    attempt = Attempt("webauthn.get")
    assert_(attempt, listed=False)
    attempt.user = None
    with pytest.raises(PasskeyRejected) as refused:
        assert_(attempt, listed=False)
    assert refused.value.rule == "user_handle"
    assert_(attempt)


def test_an_assertion_is_compared_with_the_row_it_is_looked_at_with() -> None:
    attempt, other = Attempt("webauthn.get"), Attempt("webauthn.get")
    with pytest.raises(PasskeyRejected) as refused:
        verify_assertion(
            read_assertion(attempt.assertion()), passkey=row(other.held),
            allowed_ids={attempt.held.credential_id, other.held.credential_id},
            expected_challenge=CHALLENGE, relying_party=OURS,
        )  # fmt: skip
    assert refused.value.rule == "credential_id"


@pytest.mark.parametrize(
    ("stored", "told", "good"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
)
def test_22_a_counter_grows_or_there_is_none(stored: int, told: int, *, good: bool) -> None:
    attempt = Attempt("webauthn.get")
    attempt.held.sign_count = told
    asserted = assert_(attempt, sign_count=stored)
    passkey = row(attempt.held, sign_count=stored)
    if good:
        check_counter(passkey, asserted)
        return
    with pytest.raises(CounterRegressed):
        check_counter(passkey, asserted)


def test_22_a_forged_counter_is_refused_for_its_signature_and_freezes_nobody() -> None:
    attempt = Attempt("webauthn.get")
    another_key(attempt)
    attempt.held.sign_count = 1
    with pytest.raises(PasskeyRejected) as refused:
        assert_(attempt, sign_count=9)
    assert refused.value.rule == "signature"


def test_21_a_signature_over_other_bytes_is_refused() -> None:
    attempt = Attempt("webauthn.get")
    honest = sign(attempt.held, attempt.data(), attempt.client_data())
    flipped = bytes([honest[0], *honest[1:-1], honest[-1] ^ 1])
    for wrong in (flipped, b"", honest + b"\0", hashes.SHA256.name.encode()):
        response = read_assertion(attempt.assertion())
        with pytest.raises(PasskeyRejected) as refused:
            verify_assertion(
                type(response)(
                    credential_id=response.credential_id, client_data=response.client_data,
                    authenticator_data=response.authenticator_data, signature=wrong,
                    user_handle=response.user_handle,
                ),
                passkey=row(attempt.held), allowed_ids={attempt.held.credential_id},
                expected_challenge=CHALLENGE, relying_party=OURS,
            )  # fmt: skip
        assert refused.value.rule == "signature"


@pytest.mark.parametrize(
    "change",
    [
        {"rawId": "AAAA"}, {"id": 7}, {"type": "password"}, {"response": {}}, {"response": []},
        {"id": "AA==", "rawId": "AA=="}, {"id": "AB", "rawId": "AB"},
    ],
)  # fmt: skip
def test_a_response_of_another_form_is_refused(change: dict[str, Any]) -> None:
    attempts = (
        (read_registration, Attempt("webauthn.create").registration()),
        (read_assertion, Attempt("webauthn.get").assertion()),
    )
    for read, raw in attempts:
        wrong = msgspec.json.encode(msgspec.json.decode(raw) | change)
        for text in (wrong, raw[:-1], b"", b"[]", b"\xff"):
            with pytest.raises(PasskeyRejected) as refused:
                read(text)
            assert refused.value.rule == "response"
