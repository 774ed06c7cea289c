"""Platform, bot and browser, and what each of them signs."""

import json
from urllib.parse import parse_qs
from uuid import UUID

import jwt
import pytest

from scripts.clients.bot import Bot, OrderStuck, limit_order
from scripts.clients.browser import Browser, SignInRefused
from scripts.clients.encoding import Secret
from scripts.clients.http import Api
from scripts.clients.keys import KeyPair
from scripts.clients.platform import Money, Platform, jwks
from tests.clients.service import ORIGIN, TRADER, FakeService


def test_the_platform_renews_its_token_only_when_needed(service: FakeService, api: Api) -> None:
    key = KeyPair.p256()
    service.will("POST", "/oauth/token", {"access_token": "tc_client_x", "expires_in": 600})
    service.will("POST", "/oauth/introspect", {"active": False})
    platform = Platform(api, client_id="c1", key=key)
    assert platform.introspect(Secret("tc_grant_x")) == {"active": False}
    assert platform.introspect(Secret("tc_grant_x")) == {"active": False}
    paths = [request.url.path for request in service.requests]
    assert paths == ["/oauth/token", "/oauth/introspect", "/oauth/introspect"]
    form = parse_qs(service.requests[0].content.decode())
    assertion = form["client_assertion"][0]
    public = jwt.PyJWK({**key.public_jwk, "alg": "ES256"})
    jwt.decode(assertion, public, algorithms=["ES256"], audience=f"{ORIGIN}/oauth/token")
    assert form["grant_type"] == ["client_credentials"]
    assert service.requests[1].headers["Authorization"] == "Bearer tc_client_x"
    assert service.requests[1].content == b"token=tc_grant_x"


def test_the_platform_revokes_and_forgets_an_access_token_it_revoked(
    service: FakeService, api: Api
) -> None:
    service.will("POST", "/oauth/token", {"access_token": "tc_client_x", "expires_in": 600})
    service.will("POST", "/oauth/revoke", None)
    platform = Platform(api, client_id="c1", key=KeyPair.p256())
    platform.revoke(Secret("tc_grant_x"))
    assert service.requests[-1].content == b"token=tc_grant_x"
    assert service.requests[-1].headers["Authorization"] == "Bearer tc_client_x"
    platform.revoke(platform.access_token())
    platform.revoke(Secret("tc_grant_x"))
    paths = [request.url.path.rpartition("/")[2] for request in service.requests]
    assert paths == ["token", "revoke", "revoke", "token", "revoke"]


def test_the_platform_goes_on_with_another_key_at_once(service: FakeService, api: Api) -> None:
    service.will("POST", "/oauth/token", {"access_token": "tc_client_x", "expires_in": 600})
    old, new = KeyPair.p256(), KeyPair.ed25519()
    platform = Platform(api, client_id="c1", key=old)
    platform.access_token()
    platform.use_key(new)
    platform.access_token()
    kids = [
        jwt.get_unverified_header(parse_qs(request.content.decode())["client_assertion"][0])["kid"]
        for request in service.requests
    ]
    assert kids == [old.jkt, new.jkt]
    assert [jwk["kid"] for jwk in jwks(old, new)["keys"]] == [old.jkt, new.jkt]


def test_the_platform_asks_for_a_grant_once(service: FakeService, api: Api) -> None:
    service.will("POST", "/oauth/token", {"access_token": "tc_client_x", "expires_in": 600})
    answer = {
        "token_id": str(UUID(int=1)),
        "token": "tc_grant_x",
        "approval_id": str(UUID(int=2)),
    }
    service.will("POST", "/v1/tokens", answer, status=201)
    model_key = KeyPair.ed25519()
    request = Platform(api, client_id="c1", key=KeyPair.p256()).request_grant(
        trader_id=TRADER,
        credential_id=UUID(int=5),
        model_jwk=model_key.public_jwk,
        model={"name": "m", "digest": "d", "version": "1"},
        markets=["BTCUSDT"],
        allocation=Money("5000", "USDT"),
        free_limit=Money("100", "USDT"),
        max_order=Money("2500", "USDT"),
    )
    assert (request.token_id, request.token.reveal()) == (UUID(int=1), "tc_grant_x")
    body = service.sent("/v1/tokens")
    assert body["parent_id"] == str(UUID(int=5))
    assert body["free_limit"] == {"amount": "100", "quote": "USDT"}
    assert service.requests[-1].headers["Idempotency-Key"]


def test_the_registered_key_set_has_public_halves_only() -> None:
    key = KeyPair.p256()
    (jwk,) = jwks(key)["keys"]
    assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert jwk["kid"] == key.jkt


def test_every_order_has_the_next_number_and_the_model_key_s_signature(
    service: FakeService, api: Api
) -> None:
    bot = Bot(api)
    bot.use_grant(trader_id=TRADER, grant_id=UUID(int=1), token=Secret("tc_grant_x"))
    released = {"order_id": str(UUID(int=2)), "state": "released", "client_order_id": "c"}
    held = {"order_id": str(UUID(int=3)), "state": "held", "approval_id": str(UUID(int=4))}
    service.will("POST", "/v1/orders", released, held)
    intent = limit_order(market="BTCUSDT", side="buy", quantity="0.01", price="50000.00")
    assert bot.submit(intent).approval_id is None
    assert bot.submit(intent).approval_id == UUID(int=4)
    public = jwt.PyJWK({**bot.key.public_jwk, "alg": "EdDSA"})
    for number, request in enumerate(service.requests, start=1):
        order = json.loads(request.content)["order"]
        complete = jwt.PyJWS().decode_complete(order, public, algorithms=["EdDSA"])
        assert complete["header"]["typ"] == "tripcord-order+jws"
        claims = json.loads(complete["payload"])
        assert claims["sequence"] == number
        assert claims["exp"] - claims["iat"] == 30
        assert claims["intent"]["quantity"] == "0.01"
        assert request.headers["Authorization"] == "DPoP tc_grant_x"


def test_an_order_that_does_not_move_is_given_up(service: FakeService, api: Api) -> None:
    service.will("GET", f"/v1/orders/{UUID(int=2)}", {"state": "released"})
    with pytest.raises(OrderStuck, match="released"):
        Bot(api).await_order(UUID(int=2), {"accepted"}, seconds=0)


def test_a_session_needs_the_code_and_then_the_device(service: FakeService, api: Api) -> None:
    session_id = UUID(int=6)
    service.will("POST", "/v1/sessions", {"session_id": str(session_id)}, status=201)
    path = f"/v1/sessions/{session_id}/proof"
    active = {"state": "active", "session_token": "tc_session_x"}
    service.will("POST", path, {"state": "pending"}, {"state": "pending"}, active)
    browser = Browser(api)
    browser.start(TRADER)
    assert browser.prove("123456") == "pending"
    assert browser.await_session(seconds=5).reveal() == "tc_session_x"
    bodies = [json.loads(r.content) for r in service.requests[1:]]
    who = {"trader_id": str(TRADER)}
    assert bodies == [{**who, "code": "123456"}, who, who]
    assert "Authorization" not in service.requests[-1].headers


@pytest.mark.parametrize("state", ["denied", "expired"])
def test_a_denied_sign_in_ends(service: FakeService, api: Api, state: str) -> None:
    service.will("POST", "/v1/sessions", {"session_id": str(UUID(int=6))}, status=201)
    service.will("POST", f"/v1/sessions/{UUID(int=6)}/proof", {"state": state})
    browser = Browser(api)
    browser.start(TRADER)
    with pytest.raises(SignInRefused, match=state):
        browser.await_session(seconds=5)
    assert len(service.requests) == 2  # it does not ask again
