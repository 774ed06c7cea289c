"""A bot's own server gets its updates, in order, until it takes them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from mock_push.oauth.accounts import ServiceAccount
from tests.mock_push.chatting import BotClient
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


class Hook:
    """A bot's own server: refuses so many posts, then takes them."""

    def __init__(self, refuse: int = 0) -> None:
        self.seen: Queue[tuple[dict[str, str], dict[str, Any]]] = Queue()
        outer = self
        self.left = refuse

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.seen.put((dict(self.headers), json.loads(body)))
                outer.left -= 1
                self.send_response(500 if outer.left >= 0 else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


def test_a_webhook_gets_each_update_until_it_takes_it(bot: BotClient) -> None:
    hook = Hook(refuse=1)
    try:
        assert bot.result("setWebhook", url=hook.url, secret_token="s3cret") is True
        for start in ("one", "two"):
            bot.met(start=start)
        seen = [hook.seen.get(timeout=10) for _ in range(3)]
    finally:
        hook.close()
    assert [body["message"]["text"][7:] for _, body in seen] == ["one", "one", "two"]
    named = {name.lower(): value for name, value in seen[0][0].items()}
    assert named["x-telegram-bot-api-secret-token"] == "s3cret"
    info = bot.result("getWebhookInfo")
    assert info["url"] == hook.url
    assert "500" in info["last_error_message"]


def test_a_webhook_takes_the_place_of_getupdates(bot: BotClient) -> None:
    bot.result("setWebhook", url="http://127.0.0.1:1/hook")
    bot.met(start="kept")
    code, description = bot.refusal("getUpdates")
    assert code == 409
    assert "webhook is active" in description
    assert bot.result("deleteWebhook") is True
    assert len(bot.result("getUpdates")) == 1
    bot.result("setWebhook", url="", drop_pending_updates=True)
    assert bot.result("getUpdates") == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://example.org/x", "http://[", "x"])
def test_a_webhook_is_an_http_address_on_this_machine(bot: BotClient, url: str) -> None:
    code, description = bot.refusal("setWebhook", url=url)
    assert code == 400
    assert description.startswith("Bad Request: bad webhook:")
