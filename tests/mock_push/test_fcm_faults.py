"""Scripted faults of FCM, as the SDK and a phone meet them."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import firebase_admin
import httpx
import pytest
from firebase_admin import exceptions, messaging

from mock_push.oauth.accounts import ServiceAccount
from mock_push.tls import Identity
from tests.mock_push.support import PROJECT, RunningMock
from tests.mock_push.test_delivery import hold, rids, ring

SEND = f"/v1/projects/{PROJECT}/messages:send"


@pytest.fixture(scope="module")
def shared(
    account_file: Path, account: ServiceAccount, identity: Identity
) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account, identity=identity)
    yield running
    running.close()


@pytest.fixture
def mock(shared: RunningMock) -> Iterator[RunningMock]:
    yield shared
    shared.http.delete("/mock/faults")


def send(mock: RunningMock, phone: str, rid: str = "r", **message: object) -> httpx.Response:
    return mock.send({"message": {"fid": phone, "data": {"rid": rid}} | message})


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (("fcm", "unauthenticated"), exceptions.UnauthenticatedError),
        (("fcm", "third_party_auth"), messaging.ThirdPartyAuthError),
        (("fcm", "sender_id_mismatch"), messaging.SenderIdMismatchError),
        (("fcm", "unregistered"), messaging.UnregisteredError),
        (("fcm", "quota_exceeded"), messaging.QuotaExceededError),
    ],
)
def test_the_sdk_raises_the_class_of_each_refusal(
    mock: RunningMock, sdk: firebase_admin.App, kind: tuple[str, str], seen: type[Exception]
) -> None:
    phone = mock.phone()
    fault = mock.fault(*kind, target=phone)
    with pytest.raises(seen):
        messaging.send(ring(phone, "r"), app=sdk)
    assert mock.counts(fault)[0] >= 1
    assert mock.read(phone) == []
    mock.clear(fault)
    messaging.send(ring(phone, "r"), app=sdk)
    assert rids(mock.read(phone)) == ["r"]


@pytest.mark.parametrize(
    ("kind", "status", "name", "code"),
    [  # not by the SDK, which repeats these four times over seven seconds
        (("fcm", "internal"), 500, "INTERNAL", "INTERNAL"),
        (("fcm", "unavailable"), 503, "UNAVAILABLE", "UNAVAILABLE"),
        (("fcm", "quota_exceeded"), 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    ],
)
def test_an_outage_says_when_to_come_again(
    mock: RunningMock, kind: tuple[str, str], status: int, name: str, code: str
) -> None:
    mock.fault(*kind, times=1, retry_after_seconds=20)
    reply = send(mock, mock.phone())
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["status"]) == (status, status, name)
    assert error["details"][0]["errorCode"] == code
    assert reply.headers["retry-after"] == "20"
    assert send(mock, mock.phone()).status_code == 200


def test_without_a_time_there_is_no_retry_after(mock: RunningMock) -> None:
    mock.fault("fcm", "unavailable")
    assert "retry-after" not in send(mock, mock.phone()).headers


def test_the_sdk_gets_over_revoked_tokens_by_asking_for_another(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    fault = mock.fault("fcm", "revoked_token", times=1)
    kept = mock.access_token()
    messaging.send(ring(phone, "r"), app=sdk)
    assert mock.counts(fault) == (1, 1)
    assert rids(mock.read(phone)) == ["r"]
    headers = {"Authorization": f"Bearer {kept}"}
    reply = mock.http.post(SEND, json={"message": {"fid": phone}}, headers=headers)
    assert reply.status_code == 401


def test_a_fault_strikes_only_what_would_have_been_accepted(mock: RunningMock) -> None:
    fault = mock.fault("fcm", "unavailable")
    assert mock.send({"message": {"fid": "nonsense"}}).status_code == 400
    assert mock.counts(fault) == (0, 0)


def test_a_slow_answer_is_right_in_the_end(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "slow", seconds=0.4, times=1)
    started = monotonic()
    assert send(mock, phone).status_code == 200
    assert monotonic() - started >= 0.4


def test_slowness_strikes_beside_a_refusal(mock: RunningMock) -> None:
    mock.fault("fcm", "slow", seconds=0.3)
    mock.fault("fcm", "unavailable")
    started = monotonic()
    assert send(mock, mock.phone()).status_code == 503
    assert monotonic() - started >= 0.3


def test_a_hang_lasts_until_the_sender_gives_up(mock: RunningMock) -> None:
    phone = mock.phone()
    fault = mock.fault("fcm", "hang", times=1)
    headers = {"Authorization": f"Bearer {mock.access_token()}"}
    with pytest.raises(httpx.ReadTimeout):
        mock.http.post(SEND, json={"message": {"fid": phone}}, headers=headers, timeout=0.4)
    assert mock.counts(fault) == (1, 1)
    assert mock.read(phone) == []


def test_a_hang_ends_with_a_cut_line(mock: RunningMock) -> None:
    mock.fault("fcm", "hang", seconds=0.3, times=1)
    started = monotonic()
    with pytest.raises(httpx.NetworkError):
        send(mock, mock.phone())
    assert 0.3 <= monotonic() - started < 10


def test_a_reset_is_a_reset(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "reset", times=1)
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        send(mock, phone)
    assert mock.read(phone) == []
    assert send(mock, phone).status_code == 200


def test_a_lost_reply_leaves_the_message_accepted(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "lost_reply", times=1)
    with pytest.raises(httpx.ReadError):
        send(mock, phone, "once")
    assert rids(mock.read(phone)) == ["once"]


def test_a_duplicate_has_one_message_id_and_two_numbers(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "duplicate", target=phone, times=1)
    send(mock, phone, "a")
    send(mock, phone, "b")
    first, second, third = mock.read(phone)
    assert rids([first, second, third]) == ["a", "a", "b"]
    assert first["message_id"] == second["message_id"]
    assert first["n"] < second["n"] < third["n"]


def test_a_reordered_message_comes_after_the_next(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "reorder", target=phone, times=1)
    send(mock, phone, "a")
    send(mock, phone, "b")
    assert rids(mock.read(phone)) == ["b", "a"]


def test_a_delayed_message_reaches_a_phone_that_waits(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "delay", target=phone, seconds=0.5)
    started = monotonic()
    send(mock, phone, "late")
    assert mock.read(phone) == []
    assert rids(mock.read(phone, wait=20)) == ["late"]
    assert 0.5 <= monotonic() - started < 10


def test_a_delay_beyond_its_ttl_loses_the_message(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "delay", target=phone, seconds=60)
    send(mock, phone, "short", android={"ttl": "30s"})
    send(mock, phone, "long", android={"ttl": "90s"})
    mock.clock.pass_seconds(61)
    assert rids(mock.read(phone)) == ["long"]


@pytest.mark.parametrize("kind", [("fcm", "drop"), ("fcm", "expire")])
def test_a_lost_message_was_accepted_all_the_same(mock: RunningMock, kind: tuple[str, str]) -> None:
    phone = mock.phone()
    mock.fault(*kind, target=phone, times=1)
    assert send(mock, phone, "lost").status_code == 200
    send(mock, phone, "kept")
    assert rids(mock.read(phone)) == ["kept"]


def test_collapsing_messages_leave_the_newest_of_each_key(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "collapse", target=phone, seconds=30)
    for rid, key in (("old", "k"), ("other", "x"), ("new", "k")):
        send(mock, phone, rid, android={"collapseKey": key})
    mock.clock.pass_seconds(31)
    assert rids(mock.read(phone)) == ["other", "new"]


def test_a_phone_that_is_away_gets_its_messages_when_it_is_back(mock: RunningMock) -> None:
    phone = mock.phone()
    fault = mock.fault("fcm", "offline", target=phone)
    held = hold(mock, phone)
    for rid in "abc":
        assert send(mock, phone, rid).status_code == 200
    assert mock.read(phone) == []
    mock.clear(fault)
    assert rids(held.result(timeout=10)) == ["a", "b", "c"]


def test_what_waits_for_a_phone_that_is_away_expires_and_collapses(mock: RunningMock) -> None:
    phone = mock.phone()
    mock.fault("fcm", "offline", target=phone, lasts_seconds=60)
    send(mock, phone, "short", android={"ttl": "30s"})
    for rid in ("old", "new"):
        send(mock, phone, rid, android={"collapseKey": "k"})
    mock.clock.pass_seconds(61)
    assert rids(mock.read(phone)) == ["new"]


def test_a_phone_that_is_away_takes_nobody_with_it(mock: RunningMock) -> None:
    away, here = mock.phone(), mock.phone()
    mock.fault("fcm", "offline", target=away)
    send(mock, here, "a")
    assert rids(mock.read(here)) == ["a"]


def test_going_down_ends_a_hang(
    account_file: Path, account: ServiceAccount, identity: Identity
) -> None:
    own = RunningMock(account_file, account, identity=identity)
    own.fault("fcm", "hang")
    headers = {"Authorization": f"Bearer {own.access_token()}"}
    body = {"message": {"fid": own.phone()}}
    with pytest.raises(httpx.ReadTimeout):
        own.http.post(SEND, json=body, headers=headers, timeout=0.3)
    started = monotonic()
    own.close()
    assert monotonic() - started < 5
