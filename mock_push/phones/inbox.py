"""One phone's messages: a box that expires and collapses as FCM does."""

from datetime import datetime, timedelta

import msgspec

from mock_push.box import Box, Numbered

MAX_COLLAPSE_KEYS = 4  # FCM stores at most four collapsible messages per device, one per key
MAX_STORED = 100  # FCM stores at most 100 messages without a collapse key, then discards them all

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

    @property
    def expires_at(self) -> datetime:
        return self.received_at + timedelta(seconds=self.ttl_seconds)


Item = Numbered[Incoming]


class Inbox(Box[Incoming]):
    """The messages of one registration: what is away expires, collapses and runs over."""

    def _arrive(self, content: Incoming, *, now: datetime, away: bool) -> None:
        if not away and self.waiting and now <= content.expires_at:
            self._deliver(content, now)  # the phone is connected: nothing is stored or collapses
        elif now < content.expires_at:
            self._drop_expired(now)
            self._store(self._number(content))

    def _hand_over(self, now: datetime) -> None:
        self._drop_expired(now)
        super()._hand_over(now)

    def _drop_expired(self, now: datetime) -> None:
        self._stored = [item for item in self._stored if now < item.content.expires_at]

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
