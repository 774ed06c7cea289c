"""/mock/chats: what a person does with a bot; and /mock/bots: what @BotFather does."""

from typing import Annotated

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from mock_push.api.polling import read_box
from mock_push.box import Numbered
from mock_push.status import NotFoundError
from mock_push.telegram.bots import Bot
from mock_push.telegram.chats import Chat, Json
from mock_push.world import World

MAX_TEXT = 4096  # characters in a message

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


class NewChat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person opens t.me/<bot>?start=<start> and presses Start.

    Attributes
    ----------
    start
        Goes into the update's text: ``/start <code>``. None: the person opens the bot and writes
        nothing, so the bot cannot find the chat.
    """

    bot: str
    start: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")] | None = None
    first_name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "Phone"


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Text


class ChatView(msgspec.Struct, frozen=True):
    chat_id: int
    bot: str
    first_name: str
    blocked: bool


class ChatMessage(msgspec.Struct, frozen=True):
    n: int
    message: Json

    @classmethod
    def of(cls, item: Numbered[Json]) -> "ChatMessage":
        return cls(item.n, item.content)


class ChatMessages(msgspec.Struct, frozen=True):
    items: list[ChatMessage]


class BotView(msgspec.Struct, frozen=True):
    bot_id: int
    username: str


@post("/mock/bots")
async def add_bot(data: JSONBody[Bot], world: NamedDependency[World]) -> BotView:
    """Make a bot known, as `python -m mock_push telegram-bot` asks."""
    world.bots.add(data)
    return BotView(data.bot_id, data.username)


@post("/mock/chats")
async def open_chat(data: JSONBody[NewChat], world: NamedDependency[World]) -> ChatView:
    """Give a virtual phone a chat with a bot."""
    bot = world.bots.by_username(data.bot)
    if bot is None:
        raise NotFoundError("There is no such bot.")
    chat = world.chats.open(bot_id=bot.bot_id, first_name=data.first_name)
    now = world.clock.now()
    world.journal.add(
        "started", "telegram", str(chat.chat_id), f"chat with {bot.username}", now=now
    )
    if data.start is not None:
        _say(world, chat, f"/start {data.start}".strip())
    return ChatView(chat.chat_id, bot.username, chat.first_name, blocked=False)


@post("/mock/chats/{chat_id:int}/says", status_code=204)
async def say(chat_id: FromPath[int], data: JSONBody[Said], world: NamedDependency[World]) -> None:
    """The person writes to the bot."""
    _say(world, world.chats.chat(chat_id), data.text)


@put("/mock/chats/{chat_id:int}/block", status_code=204)
async def block(chat_id: FromPath[int], world: NamedDependency[World]) -> None:
    """The person blocks the bot: it gets a 403 from now on."""
    world.chats.block(chat_id, blocked=True)
    world.journal.touch()


@delete("/mock/chats/{chat_id:int}/block")
async def unblock(chat_id: FromPath[int], world: NamedDependency[World]) -> None:
    """The person lets the bot write again."""
    world.chats.block(chat_id, blocked=False)
    world.journal.touch()


@get("/mock/chats/{chat_id:int}/messages")
async def chat_messages(
    chat_id: FromPath[int],
    world: NamedDependency[World],
    after: FromQuery[int] = 0,
    wait: FromQuery[float] = 0.0,
) -> ChatMessages:
    """What the bot wrote after a cursor; with `wait`, hold the request until there is something."""
    items = await read_box(
        lambda: world.chats.box(chat_id),
        lambda: world.faults.is_away("telegram", str(chat_id), now=world.clock.now()),
        world,
        after=after,
        wait=wait,
    )
    return ChatMessages([ChatMessage.of(item) for item in items])


def _say(world: World, chat: Chat, text: str) -> None:
    now = world.clock.now()
    message: Json = {
        "message_id": world.chats.next_message_id(chat.chat_id),
        "from": chat.user(),
        "chat": chat.view(),
        "date": int(now.timestamp()),
        "text": text,
    }
    if text.startswith("/"):
        length = len(text.split(maxsplit=1)[0])
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    world.chats.meet(chat.chat_id)
    if world.chats.is_blocked(chat.chat_id):  # Telegram lets nobody write to a bot they block
        world.chats.block(chat.chat_id, blocked=False)
    world.desk.updates(chat.bot_id).add(message)
    world.journal.add("accepted", "telegram", str(chat.chat_id), f"says {text}", now=now)
