"""/mock/phones: what a phone's own SDK does with Google, for virtual phones."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from mock_push.api.polling import read_box
from mock_push.clock import wire_time
from mock_push.phones.inbox import Item, Json
from mock_push.phones.registrations import DEFAULT_PROJECT, Kind, Registration
from mock_push.world import World

Project = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]


class NewPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    project: Project = DEFAULT_PROJECT


class Delivered(msgspec.Struct, frozen=True):
    """One message on the phone; `n` is the cursor to read on after it."""

    n: int
    message_id: str
    received_at: str
    message: Json

    @classmethod
    def of(cls, item: Item) -> "Delivered":
        content = item.content
        received_at = wire_time(content.received_at)
        return cls(item.n, content.message_id, received_at, content.message)


class Messages(msgspec.Struct, frozen=True):
    items: list[Delivered]


@post("/mock/phones")
async def register(data: JSONBody[NewPhone], world: NamedDependency[World]) -> Registration:
    """Give a virtual phone an address."""
    phone = world.phones.register(kind=data.kind, project=data.project)
    now = world.clock.now()
    world.journal.add("started", "fcm", phone.registration, f"new {phone.kind}", now=now)
    return phone


@delete("/mock/phones/{registration:str}")
async def unregister(registration: FromPath[str], world: NamedDependency[World]) -> None:
    """Uninstall the app: sends to this address are UNREGISTERED from now on."""
    world.phones.unregister(registration)
    world.journal.add("gone", "fcm", registration, "unregistered", now=world.clock.now())


@get("/mock/phones/{registration:str}/messages")
async def messages(
    registration: FromPath[str],
    world: NamedDependency[World],
    after: FromQuery[int] = 0,
    wait: FromQuery[float] = 0.0,
) -> Messages:
    """The messages after a cursor; with `wait`, hold the request until there is one."""
    items = await read_box(
        lambda: world.phones.inbox(registration),
        lambda: world.faults.is_away("fcm", registration, now=world.clock.now()),
        world,
        after=after,
        wait=wait,
    )
    return Messages([Delivered.of(item) for item in items])
