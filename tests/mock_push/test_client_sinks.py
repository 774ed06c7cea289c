"""The demo's mailbox and chat, against the sinks themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_push.oauth.accounts import ServiceAccount
from mock_push.tls import Identity
from scripts.clients.elsewhere import Chat, Mailbox, NothingCame
from scripts.clients.http import Api
from tests.mock_push.chatting import BotClient
from tests.mock_push.mailing import know_sender, post
from tests.mock_push.support import RunningMock


@pytest.fixture(scope="module")
def mock(account_file: Path, account: ServiceAccount, identity: Identity) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account, identity=identity)
    know_sender(running)
    yield running
    running.close()


def test_a_mailbox_gives_each_mail_once(mock: RunningMock) -> None:
    with Api(mock.url) as push:
        mailbox = Mailbox(push, "ana@example.org")
        for subject in ("one", "two"):
            post(mock, mailbox.address, content=f"Subject: {subject}\r\n\r\nhello\r\n".encode())
        mails = [mailbox.next(seconds=10) for _ in range(2)]
        assert [mail.subject for mail in mails] == ["one", "two"]
        assert mails[0].text.strip() == "hello"
        with pytest.raises(NothingCame):
            mailbox.next(seconds=0.2)


def test_a_chat_starts_with_its_code_and_hears_the_bot(mock: RunningMock) -> None:
    bot = BotClient(mock)
    with Api(mock.url) as push:
        chat = Chat(push, bot.username, code="c0de")
        [update] = bot.result("getUpdates")
        assert update["message"]["text"] == "/start c0de"
        bot.result("sendMessage", chat_id=chat.chat_id, text="New sign-in")
        assert chat.next(seconds=10) == "New sign-in"
        chat.says("thanks")
        assert len(bot.result("getUpdates", offset=update["update_id"] + 1)) == 1
        chat.block()
        assert bot.refusal("sendMessage", chat_id=chat.chat_id, text="x")[0] == 403
