"""The real SDK: what arrives at mock_push, and what every answer of FCM means to us."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic
from typing import Any

import pytest
from google.auth import _regional_access_boundary_utils as boundary

from app.core.clock import SystemClock, unix_seconds
from app.core.secret import Secret
from app.outbox.models import Topic
from app.push.fcm import FcmSender
from app.push.models import RegistrationKind, Result, Verdict
from tests.push.conftest import Mock
from tests.push.support import ANY_PHONE as PHONE
from tests.push.support import Reply, ScriptedFcm, a_doorbell, refusal

OK = Verdict(Result.SENT, "sent")


@pytest.mark.parametrize("kind", ["fid", "token"])
async def test_a_doorbell_arrives_with_version_topic_and_rid_only(
    mock: Mock, mock_sender: FcmSender, kind: RegistrationKind
) -> None:
    phone = mock.phone(kind)
    doorbell = a_doorbell(phone, kind, topic=Topic.LOGIN)
    assert await mock_sender.send(doorbell) == OK
    [message] = mock.read(phone)
    rid = doorbell.data.rid
    assert message["data"] == {"v": "1", "t": "login", "rid": rid}
    assert message[kind] == phone


async def test_what_is_visible_is_the_same_for_every_topic(
    mock: Mock, mock_sender: FcmSender
) -> None:
    seen = []
    for topic in Topic:
        phone = mock.phone()
        await mock_sender.send(a_doorbell(phone, topic=topic))
        [message] = mock.read(phone)
        alert = message["apns"]["payload"]["aps"]["alert"]
        body_key = message["android"]["notification"]["bodyLocKey"]
        seen.append((message["notification"], body_key, alert))
    generic = {"title": "Tripcord", "loc-key": "doorbell_body"}
    assert seen == [({"title": "Tripcord"}, "doorbell_body", generic)] * len(Topic)


async def test_a_doorbell_is_urgent_collapses_and_expires(
    mock: Mock, mock_sender: FcmSender
) -> None:
    phone = mock.phone()
    doorbell = a_doorbell(phone, expires_at=datetime.now(UTC) + timedelta(seconds=100))
    await mock_sender.send(doorbell)
    [message] = mock.read(phone)
    rid = doorbell.data.rid
    android, apns = message["android"], message["apns"]
    assert (android["priority"], android["collapseKey"]) == ("HIGH", rid)
    assert android["ttl"] == "99s"
    assert android["notification"]["tag"] == rid
    assert apns["headers"] == {
        "apns-priority": "10",
        "apns-collapse-id": rid,
        "apns-expiration": str(unix_seconds(doorbell.expires_at)),
    }
    aps = apns["payload"]["aps"]
    assert (aps["mutable-content"], aps["interruption-level"]) == (1, "time-sensitive")


async def test_a_phone_whose_app_is_gone_is_unregistered(
    mock: Mock, mock_sender: FcmSender
) -> None:
    phone = mock.phone()
    mock.uninstall(phone)
    assert await mock_sender.send(a_doorbell(phone)) == Verdict(Result.UNREGISTERED, "unregistered")


async def test_a_phone_of_another_project_is_misaddressed(
    mock: Mock, mock_sender: FcmSender
) -> None:
    phone = mock.phone(project="somebody-else")
    verdict = await mock_sender.send(a_doorbell(phone))
    assert verdict == Verdict(Result.MISADDRESSED, "sender_id_mismatch")


async def test_an_address_google_never_gave_out_is_refused(mock_sender: FcmSender) -> None:
    verdict = await mock_sender.send(a_doorbell("no such thing"))
    assert verdict == Verdict(Result.REFUSED, "invalid_argument")


ANSWERS = {
    "unregistered": (refusal(404, "NOT_FOUND", "UNREGISTERED"), Result.UNREGISTERED),
    # 404 without FCM's own code is a wrong project or path: ours to mend, no phone's fault.
    "not_found": (refusal(404, "NOT_FOUND"), Result.LATER),
    "sender_id_mismatch": (
        refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        Result.MISADDRESSED,
    ),
    "permission_denied": (refusal(403, "PERMISSION_DENIED"), Result.LATER),
    "third_party_auth_error": (
        refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        Result.REFUSED,
    ),
    "unauthenticated": (refusal(401, "UNAUTHENTICATED"), Result.LATER),
    "invalid_argument": (refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), Result.REFUSED),
    "quota_exceeded": (refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), Result.THROTTLED),
    "internal": (refusal(500, "INTERNAL"), Result.LATER),
    "unavailable": (refusal(503, "UNAVAILABLE"), Result.LATER),
    "unknown_502": (Reply(502, b"<html>Bad Gateway"), Result.LATER),
    "unexpected_UnicodeDecodeError": (Reply(502, b"\xff\xfe"), Result.LATER),
    "unexpected_AttributeError": (Reply(400, b'{"error":"a proxy speaks"}'), Result.LATER),
    "unexpected_KeyError": (Reply(200, b"{}"), Result.LATER),
    "unknown": (Reply(200, b"not JSON"), Result.LATER),
}


@pytest.mark.parametrize("code", ANSWERS)
async def test_every_answer_has_a_verdict_in_our_own_words(
    fcm: ScriptedFcm, sender: FcmSender, code: str
) -> None:
    reply, result = ANSWERS[code]
    fcm.replies[PHONE].extend([reply] * 5)
    assert await sender.send(a_doorbell(PHONE)) == Verdict(result, code)


@pytest.mark.parametrize("status", [500, 503])
async def test_the_sdk_does_not_retry_by_itself(
    fcm: ScriptedFcm, sender: FcmSender, status: int
) -> None:
    fcm.replies[PHONE].extend([refusal(status, "UNAVAILABLE")] * 5)
    await sender.send(a_doorbell(PHONE))
    assert len(fcm.messages) == 1


async def test_retry_after_is_reported_and_not_slept(fcm: ScriptedFcm, sender: FcmSender) -> None:
    fcm.replies[PHONE].append(
        refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="30")
    )
    began = monotonic()
    verdict = await sender.send(a_doorbell(PHONE))
    assert verdict.retry_after_seconds == 30
    assert monotonic() - began < 5
    assert len(fcm.messages) == 1


async def test_retry_after_may_be_a_date(fcm: ScriptedFcm, sender: FcmSender) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    fcm.replies[PHONE].append(refusal(503, "UNAVAILABLE", Retry_After=moment))
    verdict = await sender.send(a_doorbell(PHONE))
    assert verdict.retry_after_seconds == pytest.approx(60, abs=3)


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "Sat, 21 Nov 2026 12:00:00"])
async def test_a_retry_after_that_makes_no_sense_is_ignored(
    fcm: ScriptedFcm, sender: FcmSender, nonsense: str
) -> None:
    fcm.replies[PHONE].append(refusal(503, "UNAVAILABLE", Retry_After=nonsense))
    assert (await sender.send(a_doorbell(PHONE))).retry_after_seconds is None


async def test_an_fcm_that_does_not_answer_is_given_up_in_time(
    fcm: ScriptedFcm, hasty_sender: FcmSender
) -> None:
    fcm.replies[PHONE].append(Reply(200, b"{}", (), 4.0))
    began = monotonic()
    assert await hasty_sender.send(a_doorbell(PHONE)) == Verdict(Result.LATER, "deadline_exceeded")
    assert monotonic() - began < 3


async def test_an_fcm_that_is_not_there_is_unavailable(fcm_secret: Secret) -> None:
    sender = FcmSender(fcm_secret, origin="http://127.0.0.1:9", threads=1, clock=SystemClock())
    try:
        assert await sender.send(a_doorbell(PHONE)) == Verdict(Result.LATER, "unavailable")
    finally:
        await sender.close()


async def test_a_refused_access_token_is_no_fault_of_the_message(
    fcm: ScriptedFcm, sender: FcmSender
) -> None:
    fcm.token_replies.append(Reply(400, b'{"error":"invalid_grant"}'))
    assert await sender.send(a_doorbell(PHONE)) == Verdict(Result.LATER, "access_token_refused")
    assert await sender.send(a_doorbell(PHONE)) == OK


async def test_a_token_endpoint_that_hangs_is_given_up_in_time(
    fcm: ScriptedFcm, hasty_sender: FcmSender
) -> None:
    fcm.token_replies.append(Reply(200, b"{}", (), 4.0))
    began = monotonic()
    verdict = await hasty_sender.send(a_doorbell(PHONE))
    assert verdict == Verdict(Result.LATER, "token_endpoint_unreachable")
    assert monotonic() - began < 3


async def test_no_third_host_is_asked(sender: FcmSender, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def record(*given: Any) -> None:
        asked.append(given)

    manager = boundary._RegionalAccessBoundaryManager
    monkeypatch.setattr(manager, "maybe_start_refresh", record)
    assert await sender.send(a_doorbell(PHONE)) == OK
    assert asked == []


async def test_only_the_two_endpoints_of_fcm_are_asked(fcm: ScriptedFcm, sender: FcmSender) -> None:
    await sender.send(a_doorbell(PHONE))
    await sender.send(a_doorbell(PHONE))
    send = "/v1/projects/tripcord-demo/messages:send"
    assert fcm.paths == ["/token", send, send]
