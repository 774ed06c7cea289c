"""The API client against a scripted transport."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scripts.clients.encoding import Secret
from scripts.clients.http import Api, Bearer, Dpop, ReceiptCapability, Refused, Unreachable
from scripts.clients.keys import KeyPair

ORIGIN = "https://api.example"
Handler = Callable[[httpx.Request], httpx.Response]


def api(handler: Handler) -> Api:
    return Api(ORIGIN, transport=httpx.MockTransport(handler))


def claims(request: httpx.Request) -> dict[str, Any]:
    payload = request.headers["DPoP"].split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return decoded


def test_a_problem_becomes_an_exception_with_type_and_detail() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        body = {
            "type": "urn:tripcord:problem:token_rejected",
            "title": "Unauthorized",
            "status": 401,
            "detail": "The token is not valid.",
            "instance": "req-1",
        }
        return httpx.Response(401, json=body, headers={"Retry-After": "7"})

    with api(handler) as client, pytest.raises(Refused) as refused:
        client.call("GET", "/v1/orders")
    assert refused.value.status == 401
    assert refused.value.type == "urn:tripcord:problem:token_rejected"
    assert refused.value.code == "token_rejected"
    assert refused.value.detail == "The token is not valid."
    assert refused.value.request_id == "req-1"
    assert refused.value.retry_after_seconds == 7
    assert str(refused.value) == "401 token_rejected: The token is not valid."


def test_an_oauth_error_speaks_through_the_same_exception() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        body = {"error": "invalid_client", "error_description": "No."}
        return httpx.Response(401, json=body)

    with api(handler) as client, pytest.raises(Refused) as refused:
        client.call("POST", "/oauth/token", form={})
    assert (refused.value.code, refused.value.detail) == ("invalid_client", "No.")
    assert refused.value.retry_after_seconds is None


def test_a_retry_after_that_is_a_date_is_no_number() -> None:
    headers = {"Retry-After": "Fri, 21 Nov 2026 01:02:03 GMT"}
    with (
        api(lambda _: httpx.Response(429, json={}, headers=headers)) as client,
        pytest.raises(Refused) as refused,
    ):
        client.call("GET", "/")
    assert refused.value.retry_after_seconds is None


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_is_not_json_is_no_answer(status: int) -> None:
    with (
        api(lambda _: httpx.Response(status, text="<html>")) as client,
        pytest.raises(Unreachable),
    ):
        client.call("GET", "/")


def test_a_lost_connection_names_the_request_and_no_secret() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("lost", request=request)

    with api(handler) as client, pytest.raises(Unreachable) as lost:
        client.call("POST", "/v1/orders", auth=Bearer(Secret("tc_client_x")))
    assert str(lost.value) == "POST /v1/orders: ReadTimeout"


def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"Location": "https://evil.example/"}, json={})

    with api(handler) as client, pytest.raises(Refused):
        client.call("GET", "/v1/orders", auth=Bearer(Secret("t")))
    assert seen == [f"{ORIGIN}/v1/orders"]


def test_an_empty_success_has_no_body() -> None:
    with api(lambda _: httpx.Response(204)) as client:
        assert client.call("DELETE", "/x").body is None


def test_each_kind_of_authentication_sends_its_own_header() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    key = KeyPair.p256()
    with api(handler) as client:
        client.call("GET", "/a")
        client.call("GET", "/a", auth=Bearer(Secret("b")), idempotency_key="once")
        client.call("GET", "/a", auth=ReceiptCapability(Secret("r")))
        client.call("GET", "/a", auth=Dpop(key), query={"wait": 1})
        client.call("GET", "/a", auth=Dpop(key, Secret("d")))
    plain, bearer, receipt, proof, bound = (request.headers for request in seen)
    assert not {"Authorization", "DPoP", "Tripcord-Receipt", "Idempotency-Key"} & plain.keys()
    assert (bearer["Authorization"], bearer["Idempotency-Key"]) == ("Bearer b", "once")
    assert receipt["Tripcord-Receipt"] == "r"
    assert "Authorization" not in proof
    assert bound["Authorization"] == "DPoP d"
    assert "ath" not in claims(seen[3])
    assert claims(seen[3])["htu"] == f"{ORIGIN}/a"
    assert str(seen[3].url) == f"{ORIGIN}/a?wait=1"
    assert "ath" in claims(seen[4])


class NonceServer:
    """Answers only proofs with the nonce it gave out last."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.nonce = "nonce-1"
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        headers = {"DPoP-Nonce": self.nonce}
        if "DPoP" in request.headers and claims(request).get("nonce") == self.nonce:
            return httpx.Response(200, json={"done": True}, headers=headers)
        if self.status == 401:
            headers["WWW-Authenticate"] = 'DPoP error="use_dpop_nonce"'
            return httpx.Response(401, json={"detail": "nonce"}, headers=headers)
        return httpx.Response(400, json={"error": "use_dpop_nonce"}, headers=headers)


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_is_answered_once_and_then_remembered(status: int) -> None:
    server, auth = NonceServer(status), Dpop(KeyPair.p256())
    with api(server) as client:
        assert client.call("POST", "/v1/devices", auth=auth, json={"a": 1}).body == {"done": True}
        assert [r.content for r in server.requests] == [b'{"a":1}', b'{"a":1}']
        assert claims(server.requests[0])["jti"] != claims(server.requests[1])["jti"]
        client.call("POST", "/v1/devices", auth=auth, json={})
        assert len(server.requests) == 3


def test_a_server_that_keeps_asking_for_nonces_is_answered_no_further() -> None:
    server = NonceServer(401)

    def handler(request: httpx.Request) -> httpx.Response:
        server.nonce += "x"
        return server(request)

    with api(handler) as client, pytest.raises(Refused):
        client.call("GET", "/", auth=Dpop(KeyPair.p256()))
    assert len(server.requests) == 2


def test_only_proofs_are_sent_again_for_a_nonce() -> None:
    server = NonceServer(401)
    with api(server) as client, pytest.raises(Refused):
        client.call("GET", "/", auth=Bearer(Secret("b")))
    assert len(server.requests) == 1


def test_an_ordinary_401_is_not_sent_again() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(401, json={}, headers={"DPoP-Nonce": "n"})

    with api(handler) as client, pytest.raises(Refused):
        client.call("GET", "/", auth=Dpop(KeyPair.p256()))
    assert len(seen) == 1


def test_a_long_poll_may_take_longer_than_other_requests() -> None:
    seen: list[dict[str, float]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, json={})

    with api(handler) as client:
        client.call("GET", "/")
        client.call("GET", "/", query={"wait": 25})
    assert [timeout["read"] for timeout in seen] == [15.0, 35.0]


def test_authentication_does_not_print_its_token() -> None:
    auths = [Bearer(Secret("tc_x")), Dpop(KeyPair.p256(), Secret("tc_x"))]
    assert all("tc_x" not in repr(auth) for auth in auths)
