"""The Bot API: /bot<token>/<method>, by GET or POST, parameters in query, form or JSON."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from mock_push.api.striking import Striking
from mock_push.faults.models import Fault
from mock_push.telegram import refusals
from mock_push.telegram.bots import Bot
from mock_push.telegram.sending import check_text, read_chat_id
from mock_push.telegram.updates import MAX_LIMIT, Updates, Webhook
from mock_push.telegram.webhook import check_webhook_url
from mock_push.world import World

MAX_TIMEOUT_SECONDS = 50.0  # of getUpdates; Telegram's own limit

Json = dict[str, Any]
AnyRequest = Request[Any, Any, Any]


@route("/{bot:str}/{method:str}", http_method=["GET", "POST"], status_code=200)
async def call(
    request: AnyRequest, bot: FromPath[str], method: FromPath[str], world: NamedDependency[World]
) -> Response[Json]:
    """One call of a bot."""
    if not bot.startswith("bot"):
        raise NotFoundException
    known = world.bots.by_token(bot.removeprefix("bot"))
    if known is None:
        raise refusals.unauthorized()
    perform = _METHODS.get(method.lower())  # the real server takes any capitalisation
    if perform is None:
        raise refusals.no_such_method()
    result = await perform(request, known, await _parameters(request), world)
    return Response({"ok": True, "result": result})


async def _get_me(_: AnyRequest, bot: Bot, __: Json, ___: World) -> object:
    return {**bot.user(), "can_join_groups": False, "can_read_all_group_messages": False,
            "supports_inline_queries": False}  # fmt: skip


async def _send_message(request: AnyRequest, bot: Bot, given: Json, world: World) -> object:
    text = check_text(given)
    chat_id = read_chat_id(given)
    chat = world.chats.reachable(chat_id, bot_id=bot.bot_id)
    if chat is None:
        raise refusals.chat_not_found()
    if world.chats.is_blocked(chat.chat_id):
        raise refusals.blocked()
    target = str(chat.chat_id)
    striking = Striking(request, world, "telegram", target)
    await striking.before_answer(_refused_by)
    now = world.clock.now()
    kept = {name: given[name] for name in ("parse_mode", "reply_markup") if name in given}
    sent: Json = {
        "message_id": world.chats.next_message_id(chat.chat_id),
        "from": bot.user(),
        "chat": chat.view(),
        "date": int(now.timestamp()),
        "text": text,
    }
    world.journal.add("accepted", "telegram", target, text, now=now, content=sent | kept)
    world.chats.box(chat.chat_id).put(
        sent | kept,
        now=now,
        carriage=world.carriage("telegram", target),
        away=world.faults.is_away("telegram", target, now=now),
    )
    await striking.before_reply()
    return sent


async def _get_updates(_: AnyRequest, bot: Bot, given: Json, world: World) -> object:
    updates = world.desk.updates(bot.bot_id)
    if updates.webhook is not None:
        raise refusals.webhook_is_active()
    offset = _number(given, "offset", 0)
    limit = min(max(1, _number(given, "limit", MAX_LIMIT)), MAX_LIMIT)
    left = min(max(0.0, float(_number(given, "timeout", 0))), MAX_TIMEOUT_SECONDS)
    updates.readers += 1
    mine = updates.readers
    updates.wake()  # an older reader finds that it was overtaken
    while True:
        if updates.readers != mine:
            raise refusals.other_reader()
        found = updates.fetch(offset=offset, limit=limit)
        if found or left <= 0 or world.line.closing or updates.webhook is not None:
            return found
        left = await updates.wait(left)


async def _set_webhook(_: AnyRequest, bot: Bot, given: Json, world: World) -> object:
    url = str(given.get("url", ""))
    secret = given.get("secret_token")
    webhook = None
    if url:
        check_webhook_url(url, anywhere=world.anywhere)
        webhook = Webhook(url=url, secret_token=None if secret is None else str(secret))
    return _change_webhook(bot, given, world, webhook)


async def _delete_webhook(_: AnyRequest, bot: Bot, given: Json, world: World) -> object:
    return _change_webhook(bot, given, world, None)


def _change_webhook(bot: Bot, given: Json, world: World, webhook: Webhook | None) -> bool:
    if str(given.get("drop_pending_updates", "")).lower() == "true":
        world.desk.updates(bot.bot_id).drop_pending()
    world.desk.set_webhook(bot.bot_id, webhook)
    return True


async def _get_webhook_info(_: AnyRequest, bot: Bot, __: Json, world: World) -> object:
    return _webhook_info(world.desk.updates(bot.bot_id))


def _webhook_info(updates: Updates) -> Json:
    info: Json = {
        "url": updates.webhook.url if updates.webhook is not None else "",
        "has_custom_certificate": False,
        "pending_update_count": len(updates),
    }
    if updates.last_error is not None:
        info["last_error_message"] = updates.last_error
    return info


_METHODS: dict[str, Callable[[AnyRequest, Bot, Json, World], Awaitable[object]]] = {
    "getme": _get_me,
    "sendmessage": _send_message,
    "getupdates": _get_updates,
    "setwebhook": _set_webhook,
    "deletewebhook": _delete_webhook,
    "getwebhookinfo": _get_webhook_info,
}


async def _parameters(request: AnyRequest) -> Json:
    """Of the query and the body; the body counts where a name is in both."""
    given: Json = dict(parse_qsl(request.url.query, keep_blank_values=True))
    body = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json" and body:
        try:
            given |= msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise refusals.bad_request("object expected as request body") from error
    elif content_type == "application/x-www-form-urlencoded":
        given |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return given


def _number(given: Json, name: str, default: int) -> int:
    """What cannot be read as a number counts as 0, as the real server has it."""
    try:
        return int(given.get(name, default))
    except (TypeError, ValueError):
        return 0


def _refused_by(fault: Fault) -> Exception:
    return refusals.scripted(fault.order.kind, retry_after_seconds=fault.order.retry_after_seconds)
