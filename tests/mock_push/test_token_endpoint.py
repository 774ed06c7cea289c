"""Forged, stretched and misdirected assertions get no access token."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mock_push.oauth.accounts import ServiceAccount
from tests.mock_push.support import AUDIENCE, RunningMock


@pytest.fixture(scope="module")
def mock(account_file: Path, account: ServiceAccount) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account)
    yield running
    running.close()


def refusal(mock: RunningMock, assertion: str) -> tuple[int, str, str]:
    reply = mock.ask_token(assertion)
    body = reply.json()
    assert set(body) == {"error", "error_description"}
    return reply.status_code, body["error"], body["error_description"]


def test_a_good_assertion_gets_an_access_token(mock: RunningMock) -> None:
    reply = mock.ask_token(mock.assertion())
    assert reply.status_code == 200
    body = reply.json()
    assert (body["expires_in"], body["token_type"]) == (3599, "Bearer")
    assert body["access_token"].startswith("ya29.")
    assert set(body) == {"access_token", "expires_in", "token_type"}


def test_two_assertions_get_two_tokens(mock: RunningMock) -> None:
    assert mock.access_token() != mock.access_token()


def test_a_signature_by_another_key_is_refused(mock: RunningMock) -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048)
    forged = mock.assertion(key=other)
    assert refusal(mock, forged) == (400, "invalid_grant", "Invalid JWT Signature.")


def test_changed_claims_are_refused(mock: RunningMock) -> None:
    header, _, signature = mock.assertion().split(".")
    claims = json.dumps(mock.claims(scope="https://www.googleapis.com/auth/firebase")).encode()
    payload = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
    changed = f"{header}.{payload}.{signature}"
    assert refusal(mock, changed) == (400, "invalid_grant", "Invalid JWT Signature.")


def test_an_unsigned_assertion_is_refused(mock: RunningMock) -> None:
    kid = {"kid": mock.account_info["private_key_id"]}
    unsigned = jwt.encode(mock.claims(), "", algorithm="none", headers=kid)
    assert refusal(mock, unsigned) == (400, "invalid_grant", "Invalid JWT Signature.")


def test_the_public_key_is_no_hmac_secret(mock: RunningMock, account: ServiceAccount) -> None:
    """Algorithm confusion: HS256 keyed with what everybody may know."""

    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    header = {"alg": "HS256", "typ": "JWT", "kid": account.private_key_id}
    signed = part(header) + b"." + part(mock.claims())
    algorithm = jwt.get_algorithm_by_name("HS256")
    # past PyJWT's own guard against PEM secrets
    mac = algorithm.sign(signed, account.public_key.encode())
    forged = signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    assert refusal(mock, forged.decode()) == (400, "invalid_grant", "Invalid JWT Signature.")


def test_rs512_is_refused_even_by_the_right_key(mock: RunningMock) -> None:
    info = mock.account_info
    kid = {"kid": info["private_key_id"]}
    other = jwt.encode(mock.claims(), info["private_key"], algorithm="RS512", headers=kid)
    assert refusal(mock, other) == (400, "invalid_grant", "Invalid JWT Signature.")


def test_an_unknown_key_id_is_a_bad_signature(mock: RunningMock) -> None:
    assert refusal(mock, mock.assertion(kid="0" * 40))[2] == "Invalid JWT Signature."


def test_an_unknown_account_is_told_so(mock: RunningMock) -> None:
    unknown = mock.assertion(kid="0" * 40, iss="nobody@example.iam.gserviceaccount.com")
    expected = (400, "invalid_grant", "Invalid grant: account not found")
    assert refusal(mock, unknown) == expected


def test_an_account_cannot_speak_for_another(mock: RunningMock) -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    victim = ServiceAccount(
        private_key_id="1" * 40, client_email="victim@x.test", project_id="x1", public_key=pem
    )
    mock.world.accounts.add(victim)
    assert refusal(mock, mock.assertion(iss="victim@x.test"))[1] == "invalid_grant"


def test_a_delegated_subject_is_unauthorized(mock: RunningMock) -> None:
    assert refusal(mock, mock.assertion(sub="boss@example.org"))[:2] == (401, "unauthorized_client")
    email = mock.account_info["client_email"]
    assert mock.ask_token(mock.assertion(sub=email)).status_code == 200


def test_the_audience_is_google_and_not_the_mocks_address(mock: RunningMock) -> None:
    for audience in (
        f"{mock.url}/token",
        AUDIENCE + "/",
        "https://accounts.google.com/o/oauth2/token",
    ):
        expected = (400, "invalid_grant", "Invalid JWT: Failed audience check.")
        assert refusal(mock, mock.assertion(aud=audience)) == expected


@pytest.mark.parametrize(
    ("starts", "lasts"),
    [(0, 3601), (-3601, 3600), (-3600, 3600), (330, 3600), (0, 0), (0, -1), (-7200, 10_000)],
)
def test_a_lifetime_out_of_reason_is_refused(mock: RunningMock, starts: int, lasts: int) -> None:
    iat = int(mock.clock.now().timestamp()) + starts
    code, error, description = refusal(mock, mock.assertion(iat=iat, exp=iat + lasts))
    assert (code, error) == (400, "invalid_grant")
    assert "Token must be a short-lived token (60 minutes)" in description


@pytest.mark.parametrize("starts", [-3500, -10, 290])
def test_a_lifetime_within_reason_is_accepted(mock: RunningMock, starts: int) -> None:
    iat = int(mock.clock.now().timestamp()) + starts
    assert mock.ask_token(mock.assertion(iat=iat, exp=iat + 3600)).status_code == 200


@pytest.mark.parametrize("scope", [None, "", "openid", "https://evil.example/auth/x"])
def test_a_scope_that_is_not_googles_is_refused(mock: RunningMock, scope: str | None) -> None:
    code, error, description = refusal(mock, mock.assertion(scope=scope))
    assert (code, error) == (400, "invalid_scope")
    assert description == "Invalid OAuth scope or ID token audience provided."


@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp"])
def test_a_missing_claim_is_a_bad_request(mock: RunningMock, claim: str) -> None:
    assert refusal(mock, mock.assertion(**{claim: None}))[:2] == (400, "invalid_request")


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "é.é.é", "..", "x" * 10_000])
def test_rubbish_is_a_bad_request(mock: RunningMock, assertion: str) -> None:
    assert refusal(mock, assertion)[:2] == (400, "invalid_request")


def test_another_grant_is_unsupported(mock: RunningMock) -> None:
    reply = mock.ask_token(mock.assertion(), grant_type="refresh_token")
    assert (reply.status_code, reply.json()["error"]) == (400, "unsupported_grant_type")
    assert mock.http.post("/token").status_code == 400
