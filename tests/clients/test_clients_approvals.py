"""The phone signs what it has shown, as it has shown it."""

import hashlib
from uuid import UUID

import jwt
import pytest

from scripts.clients.approvals import Decision, NotAsShown
from scripts.clients.encoding import b64url, canonical_json
from scripts.clients.phone import NothingPending, Phone
from scripts.clients.render import CannotRender
from tests.clients.service import ACTION, ORDER_ACTION, FakeService, approval, payload_of


def test_the_phone_signs_the_digest_it_computed_itself(service: FakeService, phone: Phone) -> None:
    phone.enrol_totp(label="Mine")
    service.will("GET", "/v1/approvals", {"items": [approval(ORDER_ACTION)], "cursor": None})
    path = f"/v1/approvals/{UUID(int=9)}/decision"
    service.will("POST", path, {"state": "consumed"})
    prompt = phone.await_approval(template="order/1")
    assert prompt.approval.requester == "client: Shop⟨U+202E⟩"
    assert phone.decide(prompt, Decision.APPROVE) == {"state": "consumed"}
    body = service.sent(path)
    public = jwt.PyJWK({**phone.key.public_jwk, "alg": "ES256"})
    jwt.PyJWS().decode(body["statement"], public, algorithms=["ES256"])
    claims = payload_of(body["statement"])
    assert claims["digest"] == b64url(hashlib.sha256(canonical_json(ORDER_ACTION)).digest())
    assert (claims["decision"], claims["method"]) == ("approve", "totp")
    assert (claims["nonce"], claims["approval_id"]) == (b64url(b"n" * 32), str(UUID(int=9)))
    assert body["code"].isdigit()


def test_a_sign_in_spends_no_second_code(service: FakeService, phone: Phone) -> None:
    service.will("GET", "/v1/approvals", {"items": [approval(ACTION)]})
    path = f"/v1/approvals/{UUID(int=9)}/decision"
    service.will("POST", path, {"state": "approved"})
    phone.decide(phone.await_approval(template="sign_in/1"), Decision.APPROVE)
    body = service.sent(path)
    assert body.keys() == {"statement"}
    assert payload_of(body["statement"])["method"] == "totp"


@pytest.mark.parametrize("verdict", [Decision.DENY, Decision.FRAUD])
def test_saying_no_takes_no_code(service: FakeService, phone: Phone, verdict: Decision) -> None:
    service.will("GET", "/v1/approvals", {"items": [approval(ORDER_ACTION)]})
    path = f"/v1/approvals/{UUID(int=9)}/decision"
    service.will("POST", path, {"state": "denied"})
    phone.decide(phone.await_approval(template="order/1"), verdict)
    body = service.sent(path)
    assert body.keys() == {"statement"}
    claims = payload_of(body["statement"])
    assert (claims["decision"], claims["method"]) == (verdict.value, "none")


def test_a_digest_of_other_bytes_is_never_signed(service: FakeService, phone: Phone) -> None:
    item = approval(ACTION, digest=b64url(b"x" * 32))
    service.will("GET", "/v1/approvals", {"items": [item]})
    with pytest.raises(NotAsShown):
        phone.await_approval(template="sign_in/1")


def test_an_action_with_a_hidden_field_is_never_signed(service: FakeService, phone: Phone) -> None:
    item = approval({**ACTION, "also": "withdraw"})
    service.will("GET", "/v1/approvals", {"items": [item]})
    with pytest.raises(CannotRender):
        phone.await_approval(template="sign_in/1")


def test_the_phone_waits_by_long_polling_for_the_approval_it_expects(
    service: FakeService, phone: Phone
) -> None:
    other = approval(ACTION, approval_id=str(UUID(int=8)))
    service.will("GET", "/v1/approvals", {"items": [other]}, {"items": [other, approval(ACTION)]})
    prompt = phone.await_approval(template="sign_in/1", approval_id=UUID(int=9))
    assert prompt.approval.approval_id == UUID(int=9)
    first, second = (r.url.params for r in service.requests[-2:])
    assert (first["state"], second["state"]) == ("pending", "pending")
    assert "wait" not in first
    assert 1 <= int(second["wait"]) <= 25


def test_an_approval_that_never_comes_is_given_up(service: FakeService, phone: Phone) -> None:
    service.will("GET", "/v1/approvals", {"items": []})
    with pytest.raises(NothingPending):
        phone.await_approval(template="sign_in/1", seconds=0)
