"""Bots, as @BotFather makes them."""

import hashlib
import hmac
import re
from typing import Annotated

import msgspec

from mock_push.disk import Disk

FOLDER = "telegram-bots"
TOKEN = re.compile(r"([1-9][0-9]{0,15}):[A-Za-z0-9_-]{35}\Z")


class Bot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bot, and the SHA-256 of its token."""

    bot_id: Annotated[int, msgspec.Meta(gt=0)]
    username: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{1,28}[Bb][Oo][Tt]\Z")]
    token_digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]

    def user(self) -> dict[str, object]:
        """The bot as the API's User."""
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": self.username,
            "username": self.username,
        }


class Bots:
    """Bots in memory and in the data directory; a file is read when it is first asked for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._known: dict[int, Bot] = {}

    def add(self, bot: Bot) -> None:
        self._disk.write(f"{FOLDER}/{bot.bot_id}.json", msgspec.json.encode(bot))
        self._known[bot.bot_id] = bot

    def by_token(self, token: str) -> Bot | None:
        match = TOKEN.match(token)
        if match is None:
            return None
        bot_id = int(match[1])
        if bot_id not in self._known:
            self._learn(f"{FOLDER}/{bot_id}.json")
        bot = self._known.get(bot_id)
        if bot is None or not hmac.compare_digest(bot.token_digest, digest(token)):
            return None
        return bot

    def by_username(self, username: str) -> Bot | None:
        """Without regard to case and a leading @, as Telegram looks names up."""
        for name in self._disk.names(FOLDER):
            self._learn(name)
        wanted = username.removeprefix("@").lower()
        return next((b for b in self._known.values() if b.username.lower() == wanted), None)

    def _learn(self, name: str) -> None:
        content = self._disk.read(name)
        if content is not None:
            bot = msgspec.json.decode(content, type=Bot)
            self._known[bot.bot_id] = bot


def digest(token: str) -> str:
    """Plain, because a token is 35 random characters and no password of a person."""
    return hashlib.sha256(token.encode()).hexdigest()
