"""Where a person hears of things when push does not ring: a mailbox, and a chat with a bot.

In the demo both are sinks of `mock_push`. Neither approves anything: what arrives there says that
something happened, and its link opens the app.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.clients.encoding import Json
from scripts.clients.http import Api

_POLL_SECONDS = 5


class NothingCame(Exception):
    """No message in time."""


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    text: str
    raw: Json
    """Everything the mailbox knows of it: envelope, headers, the login that handed it in."""


class _Reader:
    """Reads on behind its own cursor, so that a message is seen once."""

    def __init__(self, push: Api, path: str) -> None:
        self._push = push
        self._path = path
        self._after = 0
        self._unread: Iterator[Json] = iter(())

    def next(self, seconds: float) -> Json:
        deadline = time.monotonic() + seconds
        while True:
            for item in self._unread:
                self._after = max(self._after, int(item["n"]))
                return item
            left = deadline - time.monotonic()
            if left <= 0:
                raise NothingCame(self._path)
            query: dict[str, str | int] = {
                "after": self._after,
                "wait": max(1, round(min(_POLL_SECONDS, left))),
            }
            self._unread = iter(self._push.call("GET", self._path, query=query).body["items"])


class Mailbox:
    """What a person finds under one address."""

    def __init__(self, push: Api, address: str) -> None:
        self.address = address
        self._reader = _Reader(push, f"/mock/mail/{address}/messages")

    def next(self, *, seconds: float) -> Mail:
        """The next mail not read yet.

        Raises
        ------
        NothingCame
            None within `seconds`.
        """
        item = self._reader.next(seconds)
        return Mail(str(item["subject"]), str(item["text"] or ""), item)


class Chat:
    """A person who opened `t.me/<bot>?start=<code>` and pressed Start."""

    def __init__(self, push: Api, bot: str, *, code: str) -> None:
        self._push = push
        answer: Any = push.call("POST", "/mock/chats", json={"bot": bot, "start": code}).body
        self.chat_id = int(answer["chat_id"])
        self._reader = _Reader(push, f"/mock/chats/{self.chat_id}/messages")

    def next(self, *, seconds: float) -> str:
        """The text of the next message of the bot; raises `NothingCame` as a mailbox does."""
        return str(self._reader.next(seconds)["message"]["text"])

    def says(self, text: str) -> None:
        self._push.call("POST", f"/mock/chats/{self.chat_id}/says", json={"text": text})

    def block(self) -> None:
        """The bot's next message is refused with a 403."""
        self._push.call("PUT", f"/mock/chats/{self.chat_id}/block")
