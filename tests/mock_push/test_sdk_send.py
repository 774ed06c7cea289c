"""The real firebase-admin SDK sends to the mock and a virtual phone gets the message."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import firebase_admin
import pytest
from firebase_admin import messaging

from mock_push.fcm.discovery import published
from mock_push.phones.registrations import FID, TOKEN
from tests.mock_push.support import RunningMock

DATA = {"v": "1", "t": "approval", "rid": "019a8c5e-0000-7000-8000-000000000001"}


def test_a_message_to_a_fid_reaches_the_phone(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone("fid")
    name = messaging.send(messaging.Message(data=DATA, fid=phone), app=sdk)
    assert FID.match(phone)
    assert re.fullmatch(r"projects/tripcord-demo/messages/0:[0-9]{16}%[0-9a-f]{16}", name)
    [item] = mock.read(phone)
    assert item["message_id"] == name
    assert item["message"] == {"data": DATA, "fid": phone}
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", item["received_at"])


def test_a_message_to_a_registration_token_reaches_the_phone(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone("token")
    with pytest.warns(DeprecationWarning, match=r"Use Message\.fid"):
        message = messaging.Message(data=DATA, token=phone)
    messaging.send(message, app=sdk)
    assert TOKEN.match(phone)
    assert mock.read(phone)[0]["message"] == {"data": DATA, "token": phone}


def test_the_token_field_takes_a_fid_too(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone("fid")
    with pytest.warns(DeprecationWarning, match="fid"):
        message = messaging.Message(data=DATA, token=phone)
    messaging.send(message, app=sdk)
    assert len(mock.read(phone)) == 1


def doorbell(phone: str) -> messaging.Message:
    """What the dispatcher sends, with every part it uses."""
    return messaging.Message(
        fid=phone,
        data=DATA,
        notification=messaging.Notification(title="Tripcord", body="Something needs you."),
        android=messaging.AndroidConfig(
            priority="high", ttl=timedelta(seconds=90), collapse_key=DATA["rid"]
        ),
        apns=messaging.APNSConfig(
            headers={"apns-priority": "10", "apns-collapse-id": DATA["rid"]},
            payload=messaging.APNSPayload(
                messaging.Aps(
                    alert=messaging.ApsAlert(title="Tripcord", body="Something needs you."),
                    mutable_content=True,
                    custom_data={"interruption-level": "time-sensitive"},
                )
            ),
        ),
    )


def test_the_phone_sees_the_message_in_the_schemas_spelling(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    messaging.send(doorbell(phone), app=sdk)
    message = mock.read(phone)[0]["message"]
    assert message["android"] == {"priority": "HIGH", "ttl": "90s", "collapseKey": DATA["rid"]}
    assert message["apns"]["payload"]["aps"]["interruption-level"] == "time-sensitive"


def everything(phone: str) -> messaging.Message:
    """Every field the SDK can write on Android and the web."""
    android = messaging.AndroidNotification(
        title="t", body="b", icon="i", color="#a1b2c3", sound="s", tag="g", click_action="c",
        body_loc_key="k", body_loc_args=["1"], title_loc_key="k", title_loc_args=["1"],
        channel_id="ch", image="https://example.org/i.png", ticker="x", sticky=True,
        local_only=True, priority="high", vibrate_timings_millis=[100, 250.5],
        default_vibrate_timings=False, default_sound=False, default_light_settings=False,
        light_settings=messaging.LightSettings("#a1b2c3d4", 100, 200), visibility="private",
        notification_count=3, proxy="if_priority_lowered",
    )  # fmt: skip
    return messaging.Message(
        fid=phone,
        android=messaging.AndroidConfig(
            notification=android, data={"a": "b"}, restricted_package_name="org.example",
            direct_boot_ok=True, bandwidth_constrained_ok=True, restricted_satellite_ok=False,
            fcm_options=messaging.AndroidFCMOptions("label"),
        ),
        webpush=messaging.WebpushConfig(
            headers={"TTL": "15"}, data={"a": "b"},
            notification=messaging.WebpushNotification("t", "b", vibrate=[1, 2]),
            fcm_options=messaging.WebpushFCMOptions("https://example.org/"),
        ),
        fcm_options=messaging.FCMOptions("label"),
    )  # fmt: skip


def test_every_field_the_sdk_writes_is_in_the_schema(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    messaging.send(everything(phone), app=sdk)
    read = mock.read(phone)[0]["message"]["android"]["notification"]
    assert read["notificationPriority"] == "PRIORITY_HIGH"
    assert read["vibrateTimings"] == ["0.100000000s", "0.250500000s"]
    known = published().schemas["AndroidNotification"].properties
    assert known.keys() - read.keys() == {"bypassProxyNotification", "eventTime"}


def test_send_each_answers_message_by_message(mock: RunningMock, sdk: firebase_admin.App) -> None:
    here, gone = mock.phone(), mock.phone()
    mock.http.delete(f"/mock/phones/{gone}")
    batch = messaging.send_each([messaging.Message(DATA, fid=fid) for fid in (here, gone)], app=sdk)
    assert [answer.success for answer in batch.responses] == [True, False]
    assert isinstance(batch.responses[1].exception, messaging.UnregisteredError)


def test_the_async_client_works_too(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phones = [mock.phone() for _ in range(5)]

    async def send() -> Any:
        messages = [messaging.Message(DATA, fid=phone) for phone in phones]
        try:
            return await messaging.send_each_async(messages, app=sdk, dry_run=False)
        finally:  # the client belongs to this loop, and delete_app() starts another
            await messaging._get_messaging_service(sdk)._async_client.aclose()

    assert asyncio.run(send()).success_count == 5
    assert all(len(mock.read(phone)) == 1 for phone in phones)


def test_a_dry_run_validates_and_delivers_nothing(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    name = messaging.send(messaging.Message(DATA, fid=phone), dry_run=True, app=sdk)
    assert name == "projects/tripcord-demo/messages/fake_message_id"
    assert mock.read(phone) == []


def test_a_dry_run_notices_a_dead_registration(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    mock.http.delete(f"/mock/phones/{phone}")
    with pytest.raises(messaging.UnregisteredError):
        messaging.send(messaging.Message(DATA, fid=phone), dry_run=True, app=sdk)


def test_a_topic_is_accepted_and_reaches_nobody(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    name = messaging.send(messaging.Message(DATA, topic="news"), app=sdk)
    assert re.fullmatch(r"projects/tripcord-demo/messages/[0-9]+", name)
    assert mock.read(phone) == []


def test_the_sdk_recovers_when_its_access_token_was_revoked(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    messaging.send(messaging.Message(DATA, fid=phone), app=sdk)
    mock.world.tokens.revoke_all()
    messaging.send(messaging.Message(DATA, fid=phone), app=sdk)
    assert len(mock.read(phone)) == 2
