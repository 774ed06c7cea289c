"""The phone pins, seals and proposes; nothing secret is in what it sends."""

import hashlib
from uuid import UUID

import httpx
import pytest

from scripts.clients.encoding import BadFormat, Secret, b64url
from scripts.clients.enrolment import parse_enrolment, qr_text
from scripts.clients.keys import KeyPair, SignatureInvalid
from scripts.clients.phone import NothingPending, Phone
from tests.clients.service import TRADER, FakeService, payload_of


def test_the_phone_signs_itself_into_the_account_of_the_code(
    service: FakeService, phone: Phone
) -> None:
    body = service.sent("/v1/devices")
    claims = payload_of(body["statement"])
    code_hash = hashlib.sha256(body["enrolment_code"].encode()).digest()
    assert claims["trader_id"] == str(TRADER)
    assert claims["code_sha256"] == b64url(code_hash)
    assert claims["jkt"] == phone.key.jkt
    assert body["push"] is None
    assert "Authorization" not in service.requests[0].headers
    assert "ath" not in payload_of(service.requests[0].headers["DPoP"])


def test_a_service_with_another_identity_than_the_qr_is_refused(service: FakeService) -> None:
    new = Phone(name="Phone", inbox=None, transport=httpx.MockTransport(service))
    with pytest.raises(SignatureInvalid):
        new.enrol(service.uri(i=KeyPair.p256().jkt))
    new.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"o": "http://api.example"},
        {"o": "http://127.0.0.1.evil.example"},
        {"o": "ftp://api.example"},
        {"o": "https://api.example/path"},
        {"o": "https://me@api.example"},
        {"c": "tc_enrol_0"},
        {"i": "short"},
        {"x": "extra"},
    ],
)
def test_a_qr_that_is_not_exactly_right_is_refused(
    service: FakeService, changes: dict[str, str]
) -> None:
    with pytest.raises(BadFormat):
        parse_enrolment(service.uri(**changes))


def test_a_qr_of_another_scheme_or_with_a_repeated_field_is_refused(
    service: FakeService,
) -> None:
    for uri in (service.uri().replace("tripcord:", "https:"), service.uri() + "&o=https%3A//b"):
        with pytest.raises(BadFormat):
            parse_enrolment(uri)


def test_plain_http_is_for_this_machine_only(service: FakeService) -> None:
    for origin in ("http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost:8000"):
        assert parse_enrolment(service.uri(o=origin)).origin == origin


def test_the_qr_fits_a_terminal(service: FakeService) -> None:
    lines = qr_text(service.uri()).splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) < 78


def test_the_seed_leaves_the_phone_only_sealed(service: FakeService, phone: Phone) -> None:
    phone.enrol_totp(label="Mine", algorithm="SHA256")
    body = service.sent("/v1/factors/totp")
    claims = payload_of(body["statement"])
    assert body.keys() == {"statement", "envelope", "code"}
    assert body["code"].isdigit()
    assert len(body["code"]) == 6
    assert (claims["algorithm"], claims["digits"]) == ("SHA256", 6)
    assert phone.next_code() != body["code"]


def test_a_linked_secret_is_in_no_request(service: FakeService, phone: Phone) -> None:
    secret = "Zk3" + "x" * 61
    credential_id = phone.link_key(
        venue="sandbox", api_key_id="key-1", secret=Secret(secret), label="Mine"
    )
    assert credential_id == UUID(int=5)
    assert all(secret.encode() not in request.content for request in service.requests)
    body = service.sent("/v1/exchange-credentials")
    assert payload_of(body["statement"])["venue"] == "sandbox"
    assert body["algorithm"] == "hmac-sha256"


def test_nothing_is_sealed_to_an_expired_key(service: FakeService, phone: Phone) -> None:
    service.expires_at = 2
    with pytest.raises(SignatureInvalid):
        phone.enrol_totp(label="Mine")
    assert not any(r.url.path == "/v1/factors/totp" for r in service.requests)


def test_only_the_hash_of_the_card_is_registered(service: FakeService, phone: Phone) -> None:
    service.will("POST", "/v1/revocation-cards", {}, status=201)
    card = phone.make_revocation_card()
    assert service.sent("/v1/revocation-cards") == {
        "card_id": str(card.card_id),
        "secret_sha256": card.secret_sha256,
    }


def test_a_link_is_watched_until_the_venue_has_answered(service: FakeService, phone: Phone) -> None:
    waiting = {"state": "verifying", "approval_id": None}
    service.will("GET", f"/v1/exchange-credentials/{UUID(int=5)}", waiting, {"state": "refused"})
    view = phone.await_credential(
        UUID(int=5), until=lambda view: view["state"] == "refused", seconds=5
    )
    assert view == {"state": "refused"}


def test_a_link_that_never_ends_is_given_up(service: FakeService, phone: Phone) -> None:
    service.will("GET", f"/v1/exchange-credentials/{UUID(int=5)}", {"state": "verifying"})
    with pytest.raises(NothingPending, match="still verifying"):
        phone.await_credential(UUID(int=5), until=lambda _: False, seconds=0)
