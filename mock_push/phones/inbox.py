"""One phone's messages: stored while it is away, handed over when it reads."""

import asyncio
from collections import deque
from datetime import datetime, timedelta
from time import monotonic

import msgspec

MAX_COLLAPSE_KEYS = 4  # FCM stores at most four collapsible messages per device, one per key
MAX_STORED = 100  # FCM stores at most 100 messages without a collapse key, then discards them all
MAX_DELIVERED_KEPT = 1000  # for reading again; ours, to bound memory

Json = dict[str, object]


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A message accepted for one registration.

    Attributes
    ----------
    message_id
        ``projects/<project>/messages/<id>``.
    ttl_seconds
        How long it may wait; 0 means now or never.
    collapse_key
        None for a message that is never replaced by another.
    message
        The validated message, field names in camelCase.
    """

    message_id: str
    received_at: datetime
    ttl_seconds: int
    collapse_key: str | None
    message: Json


class Item(msgspec.Struct, frozen=True):
    n: int
    content: Incoming

    def expired(self, now: datetime) -> bool:
        expires_at = self.content.received_at + timedelta(seconds=self.content.ttl_seconds)
        return now >= expires_at


class Inbox:
    """The messages of one registration. Belongs to one event loop and is not thread-safe.

    Parameters
    ----------
    first_n
        The number of the first message.
    """

    def __init__(self, first_n: int) -> None:
        self._next_n = first_n
        self._stored: list[Item] = []
        self._delivered: deque[Item] = deque(maxlen=MAX_DELIVERED_KEPT)
        self._waiting = 0
        self._changed = asyncio.Event()

    def put(self, incoming: Incoming) -> None:
        """Deliver, store or drop a message, as FCM does."""
        item = self._number(incoming)
        if self._waiting:  # the phone is connected: nothing is stored, so nothing collapses
            self._delivered.append(item)
        elif incoming.ttl_seconds > 0:
            self._drop_expired(incoming.received_at)
            self._store(item)
        self.wake()

    def wake(self) -> None:
        """Let every waiting reader look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def take(self, *, after: int, now: datetime) -> list[Item]:
        """Hand over everything stored and return what is newer than the cursor."""
        self._drop_expired(now)
        self._delivered.extend(self._stored)
        self._stored = []
        return [item for item in self._delivered if item.n > after]

    async def wait(self, seconds: float) -> float:
        """Wait for a change, at most so long, and return the seconds left."""
        deadline = monotonic() + seconds
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return 0
        finally:
            self._waiting -= 1
        return max(0, deadline - monotonic())

    def _number(self, incoming: Incoming) -> Item:
        item = Item(self._next_n, incoming)
        self._next_n += 1
        return item

    def _drop_expired(self, now: datetime) -> None:
        self._stored = [item for item in self._stored if not item.expired(now)]

    def _store(self, item: Item) -> None:
        key = item.content.collapse_key
        if key is None:
            self._make_room(item.content)
        else:
            # FCM keeps any four of the keys; the mock keeps the newest, to be repeatable.
            self._stored = [old for old in self._stored if old.content.collapse_key != key]
            keyed = [old for old in self._stored if old.content.collapse_key is not None]
            for surplus in keyed[: max(0, len(keyed) - MAX_COLLAPSE_KEYS + 1)]:
                self._stored.remove(surplus)
        self._stored.append(item)

    def _make_room(self, newest: Incoming) -> None:
        unkeyed = sum(old.content.collapse_key is None for old in self._stored)
        if unkeyed < MAX_STORED:
            return
        # The SDK's onDeletedMessages(): the phone is told that it must synchronise by itself.
        notice = msgspec.structs.replace(newest, message={"messageType": "deleted_messages"})
        self._stored = [self._number(notice)]
