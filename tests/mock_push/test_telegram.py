"""The Bot API: who a bot may write to, what it learns, and how it is refused."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from time import sleep
from typing import Any

import httpx
import pytest

from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.oauth.accounts import ServiceAccount
from mock_push.status import NotFoundError
from mock_push.telegram.bots import Bot, Bots, digest
from mock_push.telegram.chats import Chats
from mock_push.telegram.desk import Desk
from tests.mock_push.chatting import SECRET, BotClient
from tests.mock_push.support import RunningMock


@pytest.fixture(scope="module")
def mock(account_file: Path, account: ServiceAccount) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account)
    yield running
    running.close()


@pytest.fixture
def bot(mock: RunningMock) -> BotClient:
    """A bot of the test's own, with no updates."""
    number = len(mock.world.bots._known)
    return BotClient(mock, username=f"tripcord{number}_bot", bot_id=6_000_000_001 + number)


def test_a_person_who_pressed_start_is_found_by_their_code(bot: BotClient) -> None:
    chat_id = bot.met(start="code-1_A")
    [update] = bot.result("getUpdates")
    message = update["message"]
    assert message["text"] == "/start code-1_A"
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert message["chat"] == {"id": chat_id, "first_name": "Ana", "type": "private"}
    assert message["from"] == {"id": chat_id, "is_bot": False, "first_name": "Ana"}


def test_the_person_sees_what_the_bot_writes(bot: BotClient) -> None:
    chat_id = bot.met()
    sent = bot.result("sendMessage", chat_id=chat_id, text=" New sign-in ", parse_mode="HTML")
    assert sent["text"] == "New sign-in"
    assert sent["from"]["username"] == bot.username
    assert sent["message_id"] == 2  # after /start
    assert bot.texts(chat_id) == ["New sign-in"]


@pytest.mark.parametrize("form", ["query", "urlencoded", "json", "capitals"])
def test_parameters_come_in_any_form(bot: BotClient, form: str) -> None:
    chat_id = bot.met()
    path, given = f"/bot{bot.token}/sendMessage", {"chat_id": str(chat_id), "text": "grüezi"}
    http = bot.mock.http
    reply = {
        "query": lambda: http.get(path, params=given),
        "urlencoded": lambda: http.post(path, data=given),
        "json": lambda: http.post(path, json=given),
        "capitals": lambda: http.post(path.replace("sendMessage", "SENDMESSAGE"), json=given),
    }[form]()
    assert reply.json()["result"]["text"] == "grüezi"


def test_a_bot_knows_itself(bot: BotClient) -> None:
    assert bot.result("getMe")["username"] == bot.username


def test_a_bot_without_a_good_token_is_unauthorized(bot: BotClient) -> None:
    for token in (bot.token[:-1] + "x", "1:" + SECRET, "nonsense", "../x"):
        reply = bot.mock.http.post(f"/bot{token}/getMe")
        if reply.status_code == 401:
            expected = {"ok": False, "error_code": 401, "description": "Unauthorized"}
            assert reply.json() == expected
        else:
            assert reply.status_code == 404
    assert bot.mock.http.post(f"/bot1:{SECRET}/getMe").status_code == 401


def test_an_unknown_method_is_not_found(bot: BotClient) -> None:
    assert bot.refusal("banChatMember") == (404, "Not Found: method not found")
    assert bot.mock.http.get("/no/bot").status_code == 404


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"text": " "}, "Bad Request: message text is empty"),
        ({"text": "x" * 4097}, "Bad Request: message is too long"),
        ({"chat_id": ""}, "Bad Request: chat_id is empty"),
        ({"chat_id": "@somebody"}, "Bad Request: chat not found"),
        ({"chat_id": 42}, "Bad Request: chat not found"),
        ({"parse_mode": "LaTeX"}, "Bad Request: unsupported parse_mode"),
    ],
)
def test_a_message_that_cannot_be_sent_is_a_bad_request(
    bot: BotClient, change: dict[str, object], description: str
) -> None:
    given: dict[str, object] = {"chat_id": bot.met(), "text": "x"}
    assert bot.refusal("sendMessage", **given | change) == (400, description)


def test_a_body_that_is_no_object_is_a_bad_request(bot: BotClient) -> None:
    headers = {"Content-Type": "application/json"}
    path = f"/bot{bot.token}/sendMessage"
    assert bot.mock.http.post(path, content=b"[", headers=headers).status_code == 400


def test_a_bot_cannot_write_before_the_person_did(bot: BotClient) -> None:
    chat_id = bot.met(start=None)
    not_found = (400, "Bad Request: chat not found")
    assert bot.refusal("sendMessage", chat_id=chat_id, text="x") == not_found
    assert bot.mock.http.post(f"/mock/chats/{chat_id}/says", json={"text": "hi"}).is_success
    assert bot.result("sendMessage", chat_id=chat_id, text="x")


def test_a_bot_cannot_write_into_anothers_chat(bot: BotClient) -> None:
    other = BotClient(bot.mock, username="other_bot", bot_id=6_999_999_999)
    not_found = (400, "Bad Request: chat not found")
    assert other.refusal("sendMessage", chat_id=bot.met(), text="x") == not_found


def test_a_person_blocks_a_bot_and_comes_back(bot: BotClient) -> None:
    chat_id = bot.met()
    assert bot.mock.http.put(f"/mock/chats/{chat_id}/block").status_code == 204
    blocked = (403, "Forbidden: bot was blocked by the user")
    assert bot.refusal("sendMessage", chat_id=chat_id, text="x") == blocked
    assert bot.mock.http.delete(f"/mock/chats/{chat_id}/block").status_code == 204
    assert bot.result("sendMessage", chat_id=chat_id, text="x")


def test_writing_to_a_blocked_bot_lets_it_back_in(bot: BotClient) -> None:
    chat_id = bot.met()
    bot.mock.http.put(f"/mock/chats/{chat_id}/block")
    bot.mock.http.post(f"/mock/chats/{chat_id}/says", json={"text": "/start"})
    assert bot.result("sendMessage", chat_id=chat_id, text="x")


def test_an_update_stays_until_it_is_confirmed(bot: BotClient) -> None:
    for start in ("a", "b", "c"):
        bot.met(start=start)
    first, second, third = bot.result("getUpdates")
    assert bot.result("getUpdates", limit=2) == [first, second]
    assert bot.result("getUpdates", offset=second["update_id"]) == [second, third]
    assert bot.result("getUpdates", offset=-1) == [third]
    assert bot.result("getUpdates", offset=third["update_id"] + 1) == []


def test_updates_can_be_waited_for(bot: BotClient) -> None:
    found: Queue[Any] = Queue()
    waiting = threading.Thread(target=lambda: found.put(bot.result("getUpdates", timeout=20)))
    waiting.start()
    while bot.mock.world.desk.updates(int(bot.token.split(":")[0])).readers < 1:
        sleep(0.005)
    bot.met(start="x")
    assert found.get(timeout=10)[0]["message"]["text"] == "/start x"
    waiting.join()


def test_a_second_reader_ends_the_first(bot: BotClient) -> None:
    found: Queue[tuple[int, str]] = Queue()
    waiting = threading.Thread(target=lambda: found.put(bot.refusal("getUpdates", timeout=20)))
    waiting.start()
    while bot.mock.world.desk.updates(int(bot.token.split(":")[0])).readers < 1:
        sleep(0.005)
    assert bot.result("getUpdates") == []
    code, description = found.get(timeout=10)
    assert code == 409
    assert "terminated by other getUpdates request" in description
    waiting.join()


def test_a_chat_with_nobodys_bot_is_not_found(mock: RunningMock) -> None:
    reply: httpx.Response = mock.http.post("/mock/chats", json={"bot": "nobody_bot"})
    assert reply.status_code == 404
    assert mock.http.get("/mock/chats/1/messages").status_code == 404


def test_bots_and_chats_survive_a_restart(tmp_path: Path) -> None:
    token = f"6000000001:{SECRET}"
    Bots(Disk(tmp_path)).add(
        Bot(bot_id=6_000_000_001, username="a_bot", token_digest=digest(token))
    )
    bots = Bots(Disk(tmp_path))
    assert bots.by_username("@A_Bot") == bots.by_token(token) is not None
    assert SECRET not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    before = Chats(Disk(tmp_path), Draw(seed=1))
    met, blocked = (before.open(bot_id=1, first_name=name) for name in ("Ana", "Ben"))
    before.meet(met.chat_id)
    before.meet(blocked.chat_id)
    before.block(blocked.chat_id, blocked=True)
    after = Chats(Disk(tmp_path), Draw(seed=1))
    assert after.reachable(met.chat_id, bot_id=1) == met
    assert after.is_blocked(blocked.chat_id)
    assert after.open(bot_id=1, first_name="Cem").chat_id not in (met.chat_id, blocked.chat_id)
    with pytest.raises(NotFoundError):
        after.chat(1)


def test_an_offset_of_before_a_restart_confirms_nothing_new() -> None:
    before, after = Desk(0).updates(1), Desk(1).updates(1)
    for updates in (before, after):
        updates.add({"text": "x"})
    [old] = before.fetch(offset=0, limit=1)
    offset = old["update_id"]
    assert isinstance(offset, int)
    assert len(after.fetch(offset=offset + 1, limit=1)) == 1
