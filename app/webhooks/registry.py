"""What a platform does with its webhooks. Each change and its log entry are one commit."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from app.accesslog import store as log
from app.accesslog.models import LOCKED_CHAIN, SYSTEM_TRADER, Entry, Event
from app.core.clock import Clock
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.webhooks import store
from app.webhooks.addresses import check_url
from app.webhooks.errors import (
    RotationUnderWay,
    TooManyWebhooks,
    WebhookNotActive,
    WebhookNotFound,
)
from app.webhooks.models import MAX_WEBHOOKS, EventKind, Key, State, Webhook


class Registered(msgspec.Struct, frozen=True):
    """A webhook with the keys that sign for it now, the newest first."""

    webhook: Webhook
    keys: list[Key]


class WebhookRegistry:
    """`loopback` allows addresses of this machine: for tests and trying things out."""

    def __init__(self, db: Database, clock: Clock, *, loopback: bool) -> None:
        self._db = db
        self._clock = clock
        self._loopback = loopback

    async def create(
        self, platform_id: UUID, url: str, events: Sequence[EventKind], origin: Origin
    ) -> Registered:
        """Register an address; its key is published by the dispatcher a moment later.

        Raises
        ------
        WebhookUrlRefused, TooManyWebhooks
            Nothing was registered.
        """
        check_url(url, loopback=self._loopback)
        webhook_id = new_id()
        async with self._db.transaction() as tx:
            # The entry goes first: it takes the head of the chain, and with it the count is exact.
            await self._log(tx, Event.WEBHOOK_CREATED, webhook_id, origin)
            if len(await store.list_all(tx, platform_id)) >= MAX_WEBHOOKS:
                raise TooManyWebhooks
            await store.insert(tx, platform_id, webhook_id, url, sorted(set(events)))
        return await self.get(platform_id, webhook_id)

    async def list_all(self, platform_id: UUID) -> list[Registered]:
        now = self._clock.now()
        async with self._db.session() as tx:
            return [
                Registered(hook, await store.live_keys(tx, platform_id, hook.webhook_id, now))
                for hook in await store.list_all(tx, platform_id)
            ]

    async def get(self, platform_id: UUID, webhook_id: UUID) -> Registered:
        """One webhook, or raise WebhookNotFound."""
        async with self._db.session() as tx:
            webhook = await _found(tx, platform_id, webhook_id)
            keys = await store.live_keys(tx, platform_id, webhook_id, self._clock.now())
        return Registered(webhook, keys)

    async def change(
        self,
        platform_id: UUID,
        webhook_id: UUID,
        origin: Origin,
        *,
        events: Sequence[EventKind] | None = None,
        state: State | None = None,
    ) -> Registered:
        """Pause, take up again, or choose other events. What is not given stays."""
        async with self._db.transaction() as tx:
            await self._log(tx, Event.WEBHOOK_CHANGED, webhook_id, origin)
            webhook = await _found(tx, platform_id, webhook_id)
            wanted = state or webhook.state
            if wanted is State.DISABLED:
                raise WebhookNotActive
            chosen = webhook.events if events is None else sorted(set(events))
            await store.change(tx, webhook, events=chosen, state=wanted)
        return await self.get(platform_id, webhook_id)

    async def delete(self, platform_id: UUID, webhook_id: UUID, origin: Origin) -> None:
        """Nothing is sent any more, not even what waits."""
        async with self._db.transaction() as tx:
            await self._log(tx, Event.WEBHOOK_DELETED, webhook_id, origin)
            webhook = await _found(tx, platform_id, webhook_id)
            await store.change(tx, webhook, events=webhook.events, state=State.DELETED)

    async def rotate(
        self, platform_id: UUID, webhook_id: UUID, overlap: timedelta, origin: Origin
    ) -> Registered:
        """Another version of the key; the older one signs beside it until the overlap is over.

        Raises
        ------
        RotationUnderWay
            Two versions sign already, and an overlap is asked for again.
        """
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await self._log(tx, Event.WEBHOOK_KEY_ROTATED, webhook_id, origin)
            await _found(tx, platform_id, webhook_id)
            live = await store.live_keys(tx, platform_id, webhook_id, now)
            if overlap and len(live) > 1:
                raise RotationUnderWay
            newest = live[0].version + 1
            await store.retire_keys(tx, platform_id, webhook_id, below=newest, at=now + overlap)
            await store.add_key(tx, platform_id, webhook_id, newest)
        return await self.get(platform_id, webhook_id)

    async def test(self, platform_id: UUID, webhook_id: UUID, origin: Origin) -> UUID:
        """Queue a verification event; returns the id it will come with.

        Raises
        ------
        WebhookNotFound, WebhookNotActive
            Nothing was queued.
        """
        async with self._db.transaction() as tx:
            await self._log(tx, Event.WEBHOOK_TESTED, webhook_id, origin)
            await _found(tx, platform_id, webhook_id)
            message_id = await store.test(tx, platform_id, webhook_id)
            if message_id is None:
                raise WebhookNotActive
        return message_id

    async def _log(self, tx: Tx, event: Event, webhook_id: UUID, origin: Origin) -> None:
        await log.append(
            tx,
            LOCKED_CHAIN,
            Entry(trader_id=SYSTEM_TRADER, event=event, origin=origin, subject_id=webhook_id),
        )


async def _found(tx: Tx, platform_id: UUID, webhook_id: UUID) -> Webhook:
    webhook = await store.get(tx, platform_id, webhook_id)
    if webhook is None:
        raise WebhookNotFound
    return webhook
