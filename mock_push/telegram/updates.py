"""What waits for a bot: updates it fetches, or has posted to its webhook."""

from collections import deque

import msgspec

from mock_push.waiting import Waiters

MAX_LIMIT = 100  # of getUpdates
FIRST_UPDATE_ID = 100_000_001
UPDATES_PER_GENERATION = 1_000_000  # a bot's offset of before a restart must not confirm new ones

Json = dict[str, object]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where updates are posted.

    Attributes
    ----------
    secret_token
        Sent along in X-Telegram-Bot-Api-Secret-Token; None sends none.
    """

    url: str
    secret_token: str | None


class Updates:
    """One bot's updates, oldest first. Belongs to one event loop.

    Parameters
    ----------
    generation
        How often the mock was started on its data directory before.

    Attributes
    ----------
    webhook
        None while the bot fetches for itself.
    last_error
        What the webhook last went wrong with.
    readers
        Counts the getUpdates begun: a newer one ends an older.
    """

    def __init__(self, generation: int = 0) -> None:
        self._pending: deque[Json] = deque()
        self._next_id = FIRST_UPDATE_ID + generation * UPDATES_PER_GENERATION
        self._waiters = Waiters()
        self.webhook: Webhook | None = None
        self.last_error: str | None = None
        self.readers = 0

    def add(self, message: Json) -> None:
        """A person wrote to the bot."""
        self._pending.append({"update_id": self._next_id, "message": message})
        self._next_id += 1
        self.wake()

    def fetch(self, *, offset: int, limit: int) -> list[Json]:
        """The updates from `offset` on; what is older is confirmed and forgotten.

        A negative offset keeps that many of the newest and forgets the rest.
        """
        if offset < 0:
            self._forget_before(self._next_id + offset)
        elif offset > 0:
            self._forget_before(offset)
        return [update for _, update in zip(range(limit), self._pending, strict=False)]

    def oldest(self) -> Json | None:
        return self._pending[0] if self._pending else None

    def confirm(self, update: Json) -> None:
        """The webhook took it."""
        if self._pending and self._pending[0] is update:
            self._pending.popleft()

    def drop_pending(self) -> None:
        self._pending.clear()

    def __len__(self) -> int:
        return len(self._pending)

    def wake(self) -> None:
        self._waiters.wake()

    async def wait(self, seconds: float) -> float:
        return await self._waiters.wait(seconds)

    def _forget_before(self, update_id: int) -> None:
        while self._pending and _id(self._pending[0]) < update_id:
            self._pending.popleft()


def _id(update: Json) -> int:
    number = update["update_id"]
    return number if isinstance(number, int) else 0
