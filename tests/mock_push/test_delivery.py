"""Storing, expiring, collapsing and waiting, as FCM does it for a phone that is away."""

import asyncio
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import firebase_admin
import httpx
import pytest
from firebase_admin import messaging

from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.phones.inbox import Inbox, Incoming
from mock_push.phones.registrations import NUMBERS_PER_GENERATION, Phones
from mock_push.status import NotFoundError
from tests.mock_push.support import RunningMock

NOW = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)


def ring(
    phone: str, rid: str, *, ttl: int | None = None, key: str | None = None
) -> messaging.Message:
    android = messaging.AndroidConfig(ttl=ttl, collapse_key=key)
    return messaging.Message({"rid": rid}, fid=phone, android=android)


def rids(items: list[dict[str, Any]]) -> list[str]:
    return [item["message"]["data"]["rid"] for item in items]


def test_messages_wait_in_order_and_can_be_read_again(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    for rid in "abc":
        messaging.send(ring(phone, rid), app=sdk)
    items = mock.read(phone)
    assert rids(items) == ["a", "b", "c"]
    assert rids(mock.read(phone, after=items[0]["n"])) == ["b", "c"]
    assert mock.read(phone, after=items[-1]["n"]) == []
    assert mock.read(phone) == items


def test_phones_do_not_see_one_anothers_messages(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    mine, theirs = mock.phone(), mock.phone()
    messaging.send(ring(theirs, "a"), app=sdk)
    assert mock.read(mine) == []


def test_an_expired_message_is_not_delivered(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    messaging.send(ring(phone, "short", ttl=30), app=sdk)
    messaging.send(ring(phone, "long", ttl=3600), app=sdk)
    mock.clock.pass_seconds(31)
    assert rids(mock.read(phone)) == ["long"]


def test_four_weeks_are_the_default_ttl(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    messaging.send(ring(phone, "a"), app=sdk)
    mock.clock.pass_seconds(27 * 24 * 3600)
    assert mock.read(phone) != []
    other = mock.phone()
    put(mock.world.phones.inbox(other), incoming(received_at=mock.clock.now()))
    mock.clock.pass_seconds(28 * 24 * 3600 + 1)
    assert mock.read(other) == []


def test_a_newer_message_replaces_an_undelivered_one_of_its_key(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    for rid, key in (("old", "k"), ("other", "x"), ("plain", None), ("new", "k")):
        messaging.send(ring(phone, rid, key=key), app=sdk)
    assert rids(mock.read(phone)) == ["other", "plain", "new"]


def test_a_delivered_message_is_not_replaced(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    messaging.send(ring(phone, "old", key="k"), app=sdk)
    [old] = mock.read(phone)
    messaging.send(ring(phone, "new", key="k"), app=sdk)
    assert rids(mock.read(phone)) == ["old", "new"]
    assert rids(mock.read(phone, after=old["n"])) == ["new"]


def test_four_collapse_keys_are_kept_for_a_phone_that_is_away(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    for rid in "abcdef":
        messaging.send(ring(phone, rid, key=rid), app=sdk)
    assert rids(mock.read(phone)) == ["c", "d", "e", "f"]


def hold(mock: RunningMock, phone: str, *, wait: float = 20) -> "Future[Any]":
    """Keep a phone connected in a thread; returns once the mock has it waiting."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(mock.read(phone, 0, wait))
        except BaseException as error:  # noqa: BLE001 the test's own thread shall raise it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    inbox = mock.world.phones.inbox(phone)
    deadline = monotonic() + 10
    while not inbox.waiting and monotonic() < deadline:
        sleep(0.005)
    return future


def test_a_waiting_phone_gets_the_message_at_once(
    mock: RunningMock, sdk: firebase_admin.App
) -> None:
    phone = mock.phone()
    held = hold(mock, phone)
    sent_at = monotonic()
    messaging.send(ring(phone, "a"), app=sdk)
    assert rids(held.result(timeout=10)) == ["a"]
    assert monotonic() - sent_at < 10


def test_a_long_poll_ends_empty_when_nothing_comes(mock: RunningMock) -> None:
    started = monotonic()
    assert mock.read(mock.phone(), wait=0.3) == []
    assert 0.25 < monotonic() - started < 10


def test_a_ttl_of_zero_is_now_or_never(mock: RunningMock, sdk: firebase_admin.App) -> None:
    phone = mock.phone()
    messaging.send(ring(phone, "never", ttl=0), app=sdk)
    assert mock.read(phone) == []
    held = hold(mock, phone)
    messaging.send(ring(phone, "now", ttl=0), app=sdk)
    assert rids(held.result(timeout=10)) == ["now"]


def test_a_phone_unregistered_while_it_waits_is_told(mock: RunningMock) -> None:
    phone = mock.phone()
    held = hold(mock, phone)
    mock.http.delete(f"/mock/phones/{phone}")
    with pytest.raises(AssertionError, match="NOT_FOUND"):
        held.result(timeout=10)


def test_going_down_lets_waiting_phones_go(mock: RunningMock) -> None:
    held = hold(mock, mock.phone())
    started = monotonic()
    mock.close()
    assert held.result(timeout=10) == []
    assert monotonic() - started < 10


@pytest.mark.parametrize("wait", ["-1", "25.1", "nan", "x"])
def test_an_impossible_wait_is_refused(mock: RunningMock, wait: str) -> None:
    reply = mock.http.get(f"/mock/phones/{mock.phone()}/messages", params={"wait": wait})
    assert reply.status_code == 400


def test_an_unknown_phone_is_not_found(mock: RunningMock) -> None:
    for reply in (
        mock.http.get("/mock/phones/nobody/messages"),
        mock.http.delete("/mock/phones/nobody"),
    ):
        assert (reply.status_code, reply.json()["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "body", [{}, {"kind": "fax"}, {"kind": "fid", "x": 1}, {"kind": "fid", "project": "A/b"}]
)
def test_a_phone_of_no_kind_is_refused(mock: RunningMock, body: dict[str, object]) -> None:
    reply: httpx.Response = mock.http.post("/mock/phones", json=body)
    assert reply.status_code == 400


def incoming(
    rid: str = "a",
    *,
    received_at: datetime = NOW,
    ttl_seconds: int = 2_419_200,
    key: str | None = None,
) -> Incoming:
    return Incoming(
        message_id=f"projects/p/messages/{rid}",
        received_at=received_at,
        ttl_seconds=ttl_seconds,
        collapse_key=key,
        message={"data": {"rid": rid}},
    )


def put(inbox: Inbox, message: Incoming) -> None:
    inbox.put(message, now=message.received_at)


def test_the_hundred_and_first_stored_message_discards_them_all() -> None:
    inbox = Inbox(1)
    for number in range(101):
        put(inbox, incoming(str(number)))
    notice, last = inbox.take(after=0, now=NOW)
    assert notice.content.message == {"messageType": "deleted_messages"}
    assert last.content.message == {"data": {"rid": "100"}}
    assert notice.n > last.n - 2


async def test_what_was_stored_while_a_phone_was_away_comes_first() -> None:
    inbox = Inbox(1)
    waiting = asyncio.create_task(inbox.wait(5, now=NOW))
    await asyncio.sleep(0)
    assert inbox.waiting == 1
    inbox.put(incoming("first"), now=NOW, away=True)
    inbox.put(incoming("second"), now=NOW)
    found = [item.content.message["data"] for item in inbox.take(after=0, now=NOW)]
    await waiting
    assert found == [{"rid": "first"}, {"rid": "second"}]


def test_the_last_second_of_a_ttl_is_over() -> None:
    inbox = Inbox(1)
    put(inbox, incoming(ttl_seconds=30))
    assert inbox.take(after=0, now=NOW + timedelta(seconds=30)) == []
    put(inbox, incoming(ttl_seconds=30))
    assert len(inbox.take(after=0, now=NOW + timedelta(seconds=29.9))) == 1


def test_a_message_that_is_now_or_never_replaces_nothing() -> None:
    inbox = Inbox(1)
    put(inbox, incoming("kept", key="k"))
    put(inbox, incoming("gone", key="k", ttl_seconds=0))
    [item] = inbox.take(after=0, now=NOW)
    assert item.content.message == {"data": {"rid": "kept"}}


def test_expired_messages_take_no_room() -> None:
    inbox = Inbox(1)
    for number in range(100):
        put(inbox, incoming(str(number), ttl_seconds=1))
    later = NOW + timedelta(seconds=2)
    put(inbox, incoming("new", received_at=later))
    [item] = inbox.take(after=0, now=later)
    assert item.content.message == {"data": {"rid": "new"}}


def test_registrations_survive_a_restart_and_cursors_stay_good(tmp_path: Path) -> None:
    before = Phones(Disk(tmp_path), Draw())
    kept, gone = (before.register(kind="token", project="p1") for _ in range(2))
    before.unregister(gone.registration)
    put(before.inbox(kept.registration), incoming())
    [seen] = before.inbox(kept.registration).take(after=0, now=NOW)
    after = Phones(Disk(tmp_path), Draw())
    assert after.find(kept.registration) == kept
    assert after.find(gone.registration) is None
    with pytest.raises(NotFoundError):
        after.inbox(gone.registration)
    put(after.inbox(kept.registration), incoming("new"))
    [new] = after.inbox(kept.registration).take(after=seen.n, now=NOW)
    assert (seen.n, new.n) == (1, NUMBERS_PER_GENERATION + 1)


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    kept = Phones(Disk(tmp_path), Draw()).register(kind="fid", project="p1")
    with (tmp_path / "registrations.jsonl").open("ab") as journal:
        journal.write(b'{"event":"regis')
    assert Phones(Disk(tmp_path), Draw()).find(kept.registration) == kept


def test_a_seed_repeats_addresses_but_never_one_in_use(tmp_path: Path) -> None:
    def draw_three(folder: Path | None) -> list[str]:
        phones = Phones(Disk(folder), Draw(seed=7))
        return [phones.register(kind="fid", project="p1").registration for _ in range(3)]

    assert draw_three(None) == draw_three(None)
    assert not set(draw_three(tmp_path)) & set(draw_three(tmp_path))
