"""What becomes of messages: a real PostgreSQL, the real SDK, the dispatcher in this process."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from app.db.pool import Database
from app.outbox.models import Topic
from app.push.fcm import FcmSender
from app.push.models import RegistrationKind
from tests.push.conftest import Mock
from tests.push.support import (
    ANY_PHONE,
    Running,
    ScriptedFcm,
    devices,
    refusal,
    ring,
    rows,
    until,
    until_none_pending,
)


@pytest.mark.parametrize("kind", ["fid", "token"])
async def test_a_doorbell_rings_every_phone_of_the_trader(
    admin: Database, running: Running, mock: Mock, mock_sender: FcmSender, kind: RegistrationKind
) -> None:
    phones = [mock.phone(kind), mock.phone(kind)]
    [first, _] = await devices(admin, *phones, kind=kind)
    async with running(mock_sender):
        rid = await ring(admin, first.trader_id, Topic.LOGIN)
        await until_none_pending(admin)
    for phone in phones:
        assert [m["data"] for m in mock.read(phone)] == [{"v": "1", "t": "login", "rid": str(rid)}]
    assert [row["state"] for row in await rows(admin, first.trader_id)] == ["sent", "sent"]


async def test_an_expired_message_is_never_sent(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    await ring(admin, device.trader_id, seconds=-0.001)
    live = await ring(admin, device.trader_id)
    async with running(sender):
        await until_none_pending(admin)
    expired, sent = await rows(admin, device.trader_id)
    assert (expired["state"], sent["state"]) == ("expired", "sent")
    assert fcm.rids() == [str(live)]


async def test_an_unregistered_phone_is_not_rung_again(
    admin: Database, running: Running, mock: Mock, mock_sender: FcmSender
) -> None:
    here, gone = mock.phone(), mock.phone()
    mock.uninstall(gone)
    [first, second] = await devices(admin, here, gone)
    async with running(mock_sender):
        await ring(admin, first.trader_id)
        await until_none_pending(admin)
        await ring(admin, first.trader_id)
        await until_none_pending(admin)
    found = [(r["device_id"], r["state"]) for r in await rows(admin, first.trader_id)]
    assert sorted(found) == sorted(
        [
            (first.device_id, "sent"),
            (second.device_id, "undeliverable"),
            (first.device_id, "sent"),  # and none for the other
        ]
    )
    async with admin.session() as tx:
        disabled = await tx.fetch(
            "SELECT device_id FROM push_registration WHERE disabled_at IS NOT NULL"
        )
    assert [row["device_id"] for row in disabled] == [second.device_id]


async def test_a_phone_of_another_project_keeps_its_registration(
    admin: Database, running: Running, mock: Mock, mock_sender: FcmSender
) -> None:
    [device] = await devices(admin, mock.phone(project="somebody-else"))
    async with running(mock_sender):
        await ring(admin, device.trader_id)
        await until_none_pending(admin)
    [row] = await rows(admin, device.trader_id)
    assert (row["state"], row["last_error"]) == ("undeliverable", "sender_id_mismatch")
    async with admin.session() as tx:
        assert await tx.fetchval("SELECT disabled_at FROM push_registration") is None


async def test_a_message_fcm_had_no_time_for_is_sent_later(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    busy = [refusal(503, "UNAVAILABLE"), refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")]
    fcm.replies[ANY_PHONE].extend([*busy, refusal(500, "INTERNAL")])
    async with running(sender):
        rid = await ring(admin, device.trader_id)
        await until_none_pending(admin)
    [row] = await rows(admin, device.trader_id)
    assert (row["state"], row["attempts"], row["last_error"]) == ("sent", 4, None)
    assert fcm.rids() == [str(rid)] * 4


async def test_a_retry_waits_in_the_database(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    fcm.replies[ANY_PHONE].append(refusal(503, "UNAVAILABLE", Retry_After="40"))
    async with running(sender):
        await ring(admin, device.trader_id)

        async def put_off() -> bool:
            [row] = await rows(admin, device.trader_id)
            return bool(row["last_error"] == "unavailable")

        await until(put_off)
    [row] = await rows(admin, device.trader_id)
    assert row["leased_until"] is None
    left = row["due_at"] - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=40)


async def test_the_tenth_failure_is_the_last(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    fcm.replies[ANY_PHONE].append(refusal(503, "UNAVAILABLE"))
    await ring(admin, device.trader_id)
    async with admin.session() as tx:
        await tx.execute("UPDATE outbox SET attempts = 9")
    async with running(sender):
        await until_none_pending(admin)
    [row] = await rows(admin, device.trader_id)
    assert (row["state"], row["last_error"]) == ("dead", "unavailable")
    assert len(fcm.messages) == 1


async def test_a_refused_message_is_dead_and_says_why_in_our_words(
    admin: Database, running: Running, fcm: ScriptedFcm, sender: FcmSender
) -> None:
    [device] = await devices(admin, ANY_PHONE)
    fcm.replies[ANY_PHONE].append(refusal(400, "INVALID_ARGUMENT"))
    async with running(sender):
        await ring(admin, device.trader_id)
        await until_none_pending(admin)
    [row] = await rows(admin, device.trader_id)
    assert (row["state"], row["last_error"]) == ("dead", "invalid_argument")


async def test_the_log_shows_six_characters_of_a_registration(
    admin: Database,
    running: Running,
    mock: Mock,
    mock_sender: FcmSender,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    phone = mock.phone("token")
    [device] = await devices(admin, phone, kind="token")
    async with running(mock_sender):
        await ring(admin, device.trader_id)
        await until_none_pending(admin)
    ours = [r for r in caplog.records if r.name.startswith("app.")]
    assert [vars(r)["registration"] for r in ours] == [f"…{phone[-6:]}"]
    assert phone not in repr([vars(r) for r in ours])
