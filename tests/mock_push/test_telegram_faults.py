"""Scripted faults of Telegram, as a bot and a person meet them."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from mock_push.oauth.accounts import ServiceAccount
from tests.mock_push.chatting import BotClient
from tests.mock_push.support import RunningMock


@pytest.fixture(scope="module")
def shared(account_file: Path, account: ServiceAccount) -> Iterator[BotClient]:
    running = RunningMock(account_file, account)
    yield BotClient(running)
    running.close()


@pytest.fixture
def bot(shared: BotClient) -> Iterator[BotClient]:
    yield shared
    shared.mock.http.delete("/mock/faults")


def send(bot: BotClient, chat_id: int, *texts: str) -> None:
    for text in texts:
        bot.result("sendMessage", chat_id=chat_id, text=text)


@pytest.mark.parametrize(
    ("kind", "status", "description"),
    [
        (("telegram", "unauthorized"), 401, "Unauthorized"),
        (("telegram", "blocked"), 403, "Forbidden: bot was blocked by the user"),
        (("telegram", "chat_not_found"), 400, "Bad Request: chat not found"),
        (("telegram", "internal"), 500, "Internal Server Error"),
        (("telegram", "unavailable"), 503, "Service Unavailable"),
    ],
)
def test_a_bot_is_refused_in_telegrams_words(
    bot: BotClient, kind: tuple[str, str], status: int, description: str
) -> None:
    chat_id, other = bot.met(), bot.met()
    fault = bot.mock.fault(*kind, target=str(chat_id), times=1)
    send(bot, other, "x")
    assert bot.refusal("sendMessage", chat_id=chat_id, text="x") == (status, description)
    assert bot.mock.counts(fault) == (1, 1)
    assert bot.texts(chat_id) == []
    send(bot, chat_id, "x")


def test_a_429_says_in_its_body_when_to_come_again(bot: BotClient) -> None:
    bot.mock.fault("telegram", "too_many_requests", retry_after_seconds=7, times=1)
    reply = bot.call("sendMessage", chat_id=bot.met(), text="x")
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "7"
    assert reply.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 7",
        "parameters": {"retry_after": 7},
    }


def test_a_slow_answer_is_right_in_the_end(bot: BotClient) -> None:
    bot.mock.fault("telegram", "slow", seconds=0.4, times=1)
    started = monotonic()
    send(bot, bot.met(), "x")
    assert monotonic() - started >= 0.4


@pytest.mark.parametrize(
    ("kind", "order"), [(("telegram", "hang"), {"seconds": 0.2}), (("telegram", "reset"), {})]
)
def test_the_line_is_cut_before_the_message_is_taken(
    bot: BotClient, kind: tuple[str, str], order: dict[str, Any]
) -> None:
    chat_id = bot.met()
    bot.mock.fault(*kind, times=1, **order)
    with pytest.raises(httpx.NetworkError):
        send(bot, chat_id, "x")
    assert bot.texts(chat_id) == []


def test_a_lost_reply_leaves_the_message_taken(bot: BotClient) -> None:
    chat_id = bot.met()
    bot.mock.fault("telegram", "lost_reply", times=1)
    with pytest.raises(httpx.NetworkError):
        send(bot, chat_id, "once")
    assert bot.texts(chat_id) == ["once"]


def test_a_message_is_doubled_dropped_or_overtaken(bot: BotClient) -> None:
    chat_id = bot.met()
    for kind in (("telegram", "duplicate"), ("telegram", "drop"), ("telegram", "reorder")):
        bot.mock.fault(*kind, target=str(chat_id), times=1)
    send(bot, chat_id, "double", "gone", "late", "last")
    assert bot.texts(chat_id) == ["double", "double", "last", "late"]


def test_a_delayed_message_reaches_a_person_who_waits(bot: BotClient) -> None:
    chat_id = bot.met()
    bot.mock.fault("telegram", "delay", target=str(chat_id), seconds=0.5)
    send(bot, chat_id, "late")
    assert bot.texts(chat_id) == []
    assert bot.texts(chat_id, wait=20) == ["late"]


def test_a_person_without_a_network_sees_everything_afterwards(bot: BotClient) -> None:
    chat_id = bot.met()
    fault = bot.mock.fault("telegram", "offline", target=str(chat_id))
    send(bot, chat_id, "a", "b")
    assert bot.texts(chat_id) == []
    bot.mock.clear(fault)
    assert bot.texts(chat_id) == ["a", "b"]
