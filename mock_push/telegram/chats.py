"""The people: private chats with a bot, and what the bot wrote there."""

from typing import Literal

import msgspec

from mock_push.box import Box
from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.status import NotFoundError

JOURNAL = "chats.jsonl"

Json = dict[str, object]


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A person's private chat with a bot. The chat has the person's id."""

    chat_id: int
    bot_id: int
    first_name: str

    def user(self) -> Json:
        return {"id": self.chat_id, "is_bot": False, "first_name": self.first_name}

    def view(self) -> Json:
        return {"id": self.chat_id, "first_name": self.first_name, "type": "private"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal."""

    event: Literal["opened", "met", "blocked", "unblocked"]
    chat: Chat


class Chats:
    """All chats and what arrived in them. Chats survive a restart, messages do not."""

    def __init__(self, disk: Disk, draw: Draw, first_n: int = 1) -> None:
        self._disk = disk
        self._draw = draw
        self._first_n = first_n
        self._chats: dict[int, tuple[Chat, Box[Json]]] = {}
        self._blocked: set[int] = set()
        self._met: set[int] = set()
        self._message_ids: dict[int, int] = {}
        for line in disk.lines(JOURNAL):
            self._apply(msgspec.json.decode(line, type=Entry))

    def open(self, *, bot_id: int, first_name: str) -> Chat:
        """A person opens a chat with a bot; the bot knows nothing of it before they write."""
        chat_id = self._draw.telegram_id()
        while chat_id in self._chats:  # a seed draws the same ids again after a restart
            chat_id = self._draw.telegram_id()
        chat = Chat(chat_id=chat_id, bot_id=bot_id, first_name=first_name)
        self._record(Entry(event="opened", chat=chat))
        return chat

    def block(self, chat_id: int, *, blocked: bool) -> None:
        """The person blocks the bot, or takes that back.

        Raises
        ------
        NotFoundError
            There is no such chat.
        """
        chat = self.chat(chat_id)
        self._record(Entry(event="blocked" if blocked else "unblocked", chat=chat))

    def meet(self, chat_id: int) -> None:
        """The person wrote something: from now on the bot can write to them."""
        if chat_id not in self._met:
            self._record(Entry(event="met", chat=self.chat(chat_id)))

    def reachable(self, chat_id: int | None, *, bot_id: int) -> Chat | None:
        """The chat, if this bot has met the person; to any other bot it does not exist."""
        chat = None if chat_id is None else self.find(chat_id)
        if chat is None or chat.bot_id != bot_id or chat.chat_id not in self._met:
            return None
        return chat

    def is_blocked(self, chat_id: int) -> bool:
        return chat_id in self._blocked

    def find(self, chat_id: int) -> Chat | None:
        chat, _ = self._chats.get(chat_id, (None, None))
        return chat

    def chat(self, chat_id: int) -> Chat:
        """The chat of that id.

        Raises
        ------
        NotFoundError
            There is no such chat.
        """
        found = self.find(chat_id)
        if found is None:
            raise NotFoundError("There is no such chat.")
        return found

    def box(self, chat_id: int) -> Box[Json]:
        """What the bot wrote there; raises NotFoundError as `chat` does."""
        self.chat(chat_id)
        return self._chats[chat_id][1]

    def next_message_id(self, chat_id: int) -> int:
        """Both sides' messages share one count, as in a private chat of Telegram."""
        self._message_ids[chat_id] = self._message_ids.get(chat_id, 0) + 1
        return self._message_ids[chat_id]

    def all(self) -> list[tuple[Chat, Box[Json]]]:
        return list(self._chats.values())

    def wake(self) -> None:
        for _, box in self._chats.values():
            box.wake()

    def _record(self, entry: Entry) -> None:
        self._disk.append(JOURNAL, msgspec.json.encode(entry))
        self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        chat_id = entry.chat.chat_id
        match entry.event:
            case "opened":
                self._chats[chat_id] = (entry.chat, Box(self._first_n))
            case "met":
                self._met.add(chat_id)
            case "blocked":
                self._blocked.add(chat_id)
            case "unblocked":
                self._blocked.discard(chat_id)
