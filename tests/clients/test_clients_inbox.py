"""The doorbell: deduplicated, resumed behind its cursor, and refused when it talks."""

from typing import Any

import httpx
import pytest

from scripts.clients.http import Api
from scripts.clients.inbox import Inbox, NoDoorbell, TalkativePush


class FakePush:
    """The inbox side of a push service: numbered messages, at least once."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.afters: list[str] = []

    def ring(self, kind: str, rid: str, **more: str) -> None:
        message = {"data": {"v": "1", "t": kind, "rid": rid, **more}}
        self.items.append({"n": len(self.items) + 1, "message_id": "m", "message": message})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert request.url.path == "/mock/phones"
            return httpx.Response(201, json={"registration": "fid-1"})
        assert request.url.path == "/mock/phones/fid-1/messages"
        self.afters.append(request.url.params["after"])
        assert 1 <= float(request.url.params["wait"]) <= 25
        after = int(request.url.params["after"])
        return httpx.Response(200, json={"items": [i for i in self.items if i["n"] > after]})


@pytest.fixture
def push() -> FakePush:
    return FakePush()


@pytest.fixture
def inbox(push: FakePush) -> Inbox:
    return Inbox(Api("http://127.0.0.1:9", transport=httpx.MockTransport(push)))


def test_the_phone_registers_as_an_installation(inbox: Inbox) -> None:
    assert inbox.registration() == {
        "provider": "fcm",
        "registration": "fid-1",
        "kind": "fid",
    }


def test_a_doorbell_is_heard_once_however_often_it_rings(push: FakePush, inbox: Inbox) -> None:
    push.ring("approval", "r1")
    push.ring("approval", "r1")
    assert inbox.wait_for("approval", seconds=1).rid == "r1"
    push.ring("approval", "r1")
    with pytest.raises(NoDoorbell):
        inbox.wait_for("approval", seconds=0.02)
    push.ring("approval", "r2")
    assert inbox.wait_for("approval", seconds=1).rid == "r2"
    assert push.afters[-1] == "3"


def test_two_doorbells_in_one_answer_are_both_heard(push: FakePush, inbox: Inbox) -> None:
    push.ring("approval", "r1")
    push.ring("login", "r1")
    push.ring("approval", "r2")
    assert inbox.wait_for("approval", seconds=1).rid == "r1"
    assert inbox.wait_for("approval", seconds=1).rid == "r2"
    assert inbox.wait_for("login", seconds=1).rid == "r1"


def test_silence_ends_in_time(inbox: Inbox) -> None:
    with pytest.raises(NoDoorbell):
        inbox.wait_for("login", seconds=0.02)


@pytest.mark.parametrize("more", [{"market": "BTCUSDT"}, {"v": "2"}])
def test_a_message_with_more_than_a_doorbell_is_refused(
    push: FakePush, inbox: Inbox, more: dict[str, str]
) -> None:
    push.ring("approval", "r1", **more)
    with pytest.raises(TalkativePush):
        inbox.wait_for("approval", seconds=1)


def test_a_message_without_data_is_refused(push: FakePush, inbox: Inbox) -> None:
    push.items.append({"n": 1, "message_id": "m", "message": {"notification": {}}})
    with pytest.raises(TalkativePush):
        inbox.wait_for("approval", seconds=1)
