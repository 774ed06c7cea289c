"""Each refusal arrives in the SDK as the error class the real service causes."""

import re

import firebase_admin
import pytest
from firebase_admin import exceptions, messaging
from google.auth.exceptions import RefreshError

from mock_push.draw import Draw
from tests.mock_push.support import SCOPE, RunningMock, make_sdk

DATA = {"v": "1"}


def http_error(error: exceptions.FirebaseError) -> dict[str, object]:
    body: dict[str, dict[str, object]] = error.http_response.json()
    return body["error"]


def test_a_registration_nobody_has_is_unregistered(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    with pytest.raises(messaging.UnregisteredError, match="Requested entity was not found") as seen:
        messaging.send(messaging.Message(DATA, fid=Draw().fid()), app=sdk)
    assert http_error(seen.value) == {
        "code": 404,
        "message": "Requested entity was not found.",
        "status": "NOT_FOUND",
        "details": [
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "UNREGISTERED",
            }
        ],
    }
    assert mock.read(mock.phone()) == []


@pytest.mark.parametrize("kind", ["fid", "token"])
def test_an_unregistered_phone_is_unregistered(
    mock: RunningMock, sdk: firebase_admin.App, kind: str
) -> None:
    phone = mock.phone(kind)
    assert mock.http.delete(f"/mock/phones/{phone}").status_code == 204
    with pytest.warns(DeprecationWarning, match="fid"):
        message = messaging.Message(DATA, token=phone)
    with pytest.raises(messaging.UnregisteredError):
        messaging.send(message, app=sdk)


@pytest.mark.parametrize("address", ["nonsense", "cccccccccccccccccccccc\n", "a" * 22])
def test_an_address_google_never_gives_out_is_an_invalid_argument(
    mock: RunningMock, sdk: firebase_admin.App, address: str
) -> None:
    with pytest.raises(exceptions.InvalidArgumentError, match="not a valid FCM registration"):
        messaging.send(messaging.Message(DATA, fid=address), app=sdk)
    assert mock.server.started


def test_a_registration_token_is_no_fid(mock: RunningMock, sdk: firebase_admin.App) -> None:
    with pytest.raises(exceptions.InvalidArgumentError, match="not a valid FCM registration"):
        messaging.send(messaging.Message(DATA, fid=mock.phone("token")), app=sdk)


def test_a_registration_of_another_project_is_a_sender_mismatch(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    stranger = mock.phone(project="someone-else")
    with pytest.raises(messaging.SenderIdMismatchError, match="SenderId mismatch") as seen:
        messaging.send(messaging.Message(DATA, fid=stranger), app=sdk)
    assert http_error(seen.value)["status"] == "PERMISSION_DENIED"
    assert mock.read(stranger) == []


def test_an_account_may_not_send_for_another_project(mock: RunningMock) -> None:
    app = make_sdk(mock.account_info, mock.url, project="someone-else")
    try:
        message = messaging.Message(DATA, fid=mock.phone(project="someone-else"))
        denied = re.escape("Permission 'cloudmessaging.messages.create' denied")
        with pytest.raises(exceptions.PermissionDeniedError, match=denied):
            messaging.send(message, app=app)
    finally:
        firebase_admin.delete_app(app)


def test_a_ttl_beyond_four_weeks_is_an_invalid_argument(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    for seconds, accepted in ((2_419_200, True), (2_419_201, False)):
        android = messaging.AndroidConfig(ttl=seconds)
        message = messaging.Message(DATA, fid=phone, android=android)
        if accepted:
            messaging.send(message, app=sdk)
        else:
            with pytest.raises(exceptions.InvalidArgumentError, match="TTL"):
                messaging.send(message, app=sdk)


@pytest.mark.parametrize("key", ["from", "message_type", "google.x", "gcm.notification.title"])
def test_a_reserved_key_is_an_invalid_argument(
    mock: RunningMock, sdk: firebase_admin.App, key: str
) -> None:
    message = messaging.Message({key: "x"}, fid=mock.phone())
    with pytest.raises(exceptions.InvalidArgumentError, match=f"Invalid data payload key: {key}"):
        messaging.send(message, app=sdk)


@pytest.mark.parametrize("key", ["From", "googles", "gcm", "collapse_key", "rid"])
def test_a_key_that_only_looks_reserved_is_accepted(
    mock: RunningMock, sdk: firebase_admin.App, key: str
) -> None:
    messaging.send(messaging.Message({key: "x"}, fid=mock.phone()), app=sdk)


def test_4096_bytes_are_the_limit(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    note = messaging.Notification(title="é")  # 5 + 2 bytes with its key
    full = {"k": "x" * (4096 - 1 - 7)}
    messaging.send(messaging.Message(full, fid=phone, notification=note), app=sdk)
    over = {"kk": full["k"]}
    with pytest.raises(exceptions.InvalidArgumentError, match="4096 bytes") as seen:
        messaging.send(messaging.Message(over, fid=phone, notification=note), app=sdk)
    assert http_error(seen.value)["details"] == [
        {"@type": "type.googleapis.com/google.rpc.BadRequest"},
        {
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": "INVALID_ARGUMENT",
        },
    ]
    with pytest.raises(exceptions.InvalidArgumentError):
        messaging.send(messaging.Message({"k": "x" * 2048}, topic="news"), app=sdk)
    assert len(mock.read(phone)) == 1


def test_an_apns_payload_has_a_limit_of_its_own(mock: RunningMock, sdk: firebase_admin.App) -> None:
    payload = messaging.APNSPayload(messaging.Aps(badge=1), text="x" * 4096)
    message = messaging.Message(fid=mock.phone(), apns=messaging.APNSConfig(payload=payload))
    with pytest.raises(exceptions.InvalidArgumentError, match="4096 bytes"):
        messaging.send(message, app=sdk)


def test_a_token_without_fcms_scope_is_denied(mock: RunningMock) -> None:
    scope = "https://www.googleapis.com/auth/datastore"
    reply = mock.send({"message": {"fid": mock.phone()}}, scope=scope)
    assert reply.status_code == 403
    assert reply.json()["error"]["message"] == "Request had insufficient authentication scopes."
    narrow = "https://www.googleapis.com/auth/firebase.messaging"
    assert mock.send({"message": {"fid": mock.phone()}}, scope=narrow).status_code == 200
    assert mock.send({"message": {"fid": mock.phone()}}, scope=SCOPE).status_code == 200


@pytest.mark.parametrize("header", [None, "Bearer", "Basic abc", "Bearer ya29.guess"])
def test_a_send_without_a_good_token_is_unauthenticated(
    mock: RunningMock, header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    path = "/v1/projects/tripcord-demo/messages:send"
    reply = mock.http.post(path, json={"message": {"fid": mock.phone()}}, headers=headers)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["status"]) == (401, 401, "UNAUTHENTICATED")
    assert "OAuth 2 access token" in error["message"]
    assert reply.headers["www-authenticate"].startswith('Bearer realm="https://accounts.google')


def test_an_access_token_dies_after_an_hour(mock: RunningMock) -> None:
    access_token = mock.access_token()
    path = "/v1/projects/tripcord-demo/messages:send"
    body = {"message": {"fid": mock.phone()}}
    headers = {"Authorization": f"Bearer {access_token}"}
    mock.clock.pass_seconds(3590)
    assert mock.http.post(path, json=body, headers=headers).status_code == 200
    mock.clock.pass_seconds(10)
    assert mock.http.post(path, json=body, headers=headers).status_code == 401


def test_an_unknown_key_stops_the_sdk_at_the_token_endpoint(mock: RunningMock) -> None:
    info = mock.account_info | {"private_key_id": "0" * 40, "client_email": "who@example.org"}
    app = make_sdk(info, mock.url)
    try:
        with pytest.raises(RefreshError, match="Invalid grant: account not found"):
            messaging.send(messaging.Message(DATA, fid=mock.phone()), app=app)
    finally:
        firebase_admin.delete_app(app)
