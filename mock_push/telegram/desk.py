"""Each bot's updates, and the task that posts them where there is a webhook."""

import asyncio

from mock_push.telegram.updates import Updates, Webhook
from mock_push.telegram.webhook import post_updates


class Desk:
    """All bots' updates.

    Parameters
    ----------
    generation
        How often the mock was started on its data directory before.
    """

    def __init__(self, generation: int = 0) -> None:
        self._generation = generation
        self._updates: dict[int, Updates] = {}
        self._posters: dict[int, asyncio.Task[None]] = {}

    def updates(self, bot_id: int) -> Updates:
        if bot_id not in self._updates:
            self._updates[bot_id] = Updates(self._generation)
        return self._updates[bot_id]

    def set_webhook(self, bot_id: int, webhook: Webhook | None) -> None:
        """Post from now on, or leave the updates for getUpdates."""
        updates = self.updates(bot_id)
        if (old := self._posters.pop(bot_id, None)) is not None:
            old.cancel()
        updates.webhook, updates.last_error = webhook, None
        updates.wake()
        if webhook is not None:
            self._posters[bot_id] = asyncio.create_task(post_updates(updates))

    def close(self) -> None:
        for poster in self._posters.values():
            poster.cancel()
        for updates in self._updates.values():
            updates.wake()
