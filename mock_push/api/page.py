"""The page for a person, and the state it shows."""

from pathlib import Path
from typing import TypeVar

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery

from mock_push.api.faults import FaultView
from mock_push.api.polling import MAX_WAIT_SECONDS
from mock_push.box import Box
from mock_push.clock import wire_time
from mock_push.faults.models import Channel
from mock_push.journal import Event
from mock_push.status import InvalidArgumentError
from mock_push.world import Addresses, World

T = TypeVar("T")

FOLDER = Path(__file__).parents[1] / "page"
MEDIA_TYPES = {
    "index.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MAX_RECEIVERS = 200  # shown; a load test makes thousands


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A phone, a mailbox or a chat, and how many messages are where."""

    channel: Channel
    target: str
    label: str
    away: bool
    waiting: bool
    held: int
    stored: int
    delivered: int


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    n: int
    at: str
    channel: str
    target: str
    what: str
    summary: str
    content: object

    @classmethod
    def of(cls, event: Event) -> "EventView":
        fields = msgspec.structs.asdict(event)
        return cls(**fields | {"at": wire_time(event.at)})


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows; `version` is what to wait for a change of."""

    version: int
    seed: int
    addresses: Addresses
    receivers: list[Receiver]
    hidden_receivers: int
    faults: list[FaultView]
    events: list[EventView]


@get("/", sync_to_thread=False)
def index() -> Response[bytes]:
    """The page."""
    return _file("index.html")


@get("/page/{name:str}", sync_to_thread=False)
def asset(name: FromPath[str]) -> Response[bytes]:
    """Its style and its script."""
    return _file(name)


@get("/mock/state")
async def state(
    world: NamedDependency[World], known: FromQuery[int] = -1, wait: FromQuery[float] = 0.0
) -> State:
    """Everything at a glance; with `wait`, held until something is newer than `known`."""
    if not 0 <= wait <= MAX_WAIT_SECONDS:
        raise InvalidArgumentError("wait must be between 0 and 25 seconds.")
    left = wait
    while world.journal.version == known and left > 0 and not world.line.closing:
        left = await world.journal.wait(left)
    receivers = _receivers(world)
    return State(
        version=world.journal.version,
        seed=world.faults.seed,
        addresses=world.addresses,
        receivers=receivers[-MAX_RECEIVERS:],
        hidden_receivers=max(0, len(receivers) - MAX_RECEIVERS),
        faults=[FaultView.of(fault, world) for fault in world.faults.all()],
        events=[EventView.of(event) for event in world.journal.newest()],
    )


def _receivers(world: World) -> list[Receiver]:
    phones = [
        _receiver(world, "fcm", phone.registration, f"{phone.kind} · {phone.project}", inbox)
        for phone, inbox in world.phones.all()
    ]
    mail = [
        _receiver(world, "smtp", name, "mailbox", box) for name, box in world.mail.all().items()
    ]
    chats = [
        _receiver(world, "telegram", str(chat.chat_id), _chat_label(world, chat.chat_id), box)
        for chat, box in world.chats.all()
    ]
    return phones + mail + chats


def _chat_label(world: World, chat_id: int) -> str:
    name = world.chats.chat(chat_id).first_name
    return f"{name}, bot blocked" if world.chats.is_blocked(chat_id) else name


def _receiver(world: World, channel: Channel, target: str, label: str, box: Box[T]) -> Receiver:
    return Receiver(
        channel=channel,
        target=target,
        label=label,
        away=world.faults.is_away(channel, target, now=world.clock.now()),
        waiting=box.waiting > 0,
        **box.counts,
    )


def _file(name: str) -> Response[bytes]:
    if name not in MEDIA_TYPES:
        raise NotFoundException
    content = (FOLDER / name).read_bytes()
    return Response(content, media_type=MEDIA_TYPES[name], headers=HEADERS)
