"""A bot and the people who talk to it."""

from typing import Any

import httpx

from mock_push.telegram.bots import Bot, digest
from tests.mock_push.support import RunningMock

SECRET = "AAabcdefghijklmnopqrstuvwxyz0123456"


class BotClient:
    """One bot of the mock, as its program calls the API."""

    def __init__(
        self, mock: RunningMock, username: str = "tripcord_bot", bot_id: int = 6_000_000_001
    ):
        self.token = f"{bot_id}:{SECRET}"
        self.username = username
        self.mock = mock
        bot = Bot(bot_id=bot_id, username=username, token_digest=digest(self.token))
        mock.world.bots.add(bot)

    def call(self, method: str, **parameters: object) -> httpx.Response:
        return self.mock.http.post(f"/bot{self.token}/{method}", json=parameters)

    def result(self, method: str, **parameters: object) -> Any:
        reply = self.call(method, **parameters)
        assert reply.status_code == 200, reply.text
        assert reply.json()["ok"] is True
        return reply.json()["result"]

    def refusal(self, method: str, **parameters: object) -> tuple[int, str]:
        reply = self.call(method, **parameters)
        body = reply.json()
        assert body["ok"] is False
        assert body["error_code"] == reply.status_code
        return reply.status_code, body["description"]

    def met(self, start: str | None = "", first_name: str = "Ana") -> int:
        """A person's chat with this bot."""
        body = {"bot": self.username, "start": start, "first_name": first_name}
        reply = self.mock.http.post("/mock/chats", json=body)
        assert reply.status_code == 201, reply.text
        chat_id: int = reply.json()["chat_id"]
        return chat_id

    def texts(self, chat_id: int, wait: float = 0) -> list[str]:
        """What the person sees of the bot."""
        path = f"/mock/chats/{chat_id}/messages"
        reply = self.mock.http.get(path, params={"wait": wait})
        assert reply.status_code == 200, reply.text
        return [item["message"]["text"] for item in reply.json()["items"]]
