"""The dispatcher's channel for webhooks: lease, have it signed, sign it, send it, write it down."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from app.core.clock import Clock, unix_seconds
from app.core.errors import DomainError
from app.db.pool import Database
from app.outbox.loop import Loop, LoopPace
from app.webhooks import store
from app.webhooks.keys import SigningKeys, signed_content
from app.webhooks.models import Again, Disable, Done, Outgoing, Verdict
from app.webhooks.rules import OUR_FAULT, after_attempt

_LOG = logging.getLogger(__name__)

SET_TYPE: Final = "application/secevent+jwt"
"""RFC 8935 section 2.1."""


class Statements(Protocol):
    """The signer, as far as it is needed here.

    Raises UnprovenStatement where it will never sign, another DomainError where it cannot now.
    """

    async def sign(self, trader_id: UUID, message_id: UUID) -> str: ...


class UnprovenStatement(Exception):
    """The signer found no proof for what a message says: its word for the log."""


class Poster(Protocol):
    """HTTP. Never raises."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Verdict: ...


class WebhookPace(LoopPace, frozen=True, kw_only=True):
    slots: int = 32
    lease_seconds: float = 60.0
    """Longer than the signer's deadline and the receiver's 15 s together."""
    sweep_seconds: float = 30.0


class WebhookDispatcher:
    """Drains the webhooks' part of the outbox. Any number may run: they share it by leases."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        keys: SigningKeys,
        poster: Poster,
        clock: Clock,
        *,
        pace: WebhookPace | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._statements = statements
        self._keys = keys
        self._poster = poster
        self._clock = clock
        self._pace = pace or WebhookPace()
        self._dice = dice
        self._busy: Counter[UUID] = Counter()
        self._swept_at = 0.0
        self._loop = Loop(self._lease, self._deliver, self._pace)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let requests under way end."""
        await self._loop.run(stop)

    async def _lease(self, limit: int) -> list[Outgoing]:
        await self._keep_house()
        async with self._database.session() as tx:
            for platform_id, webhook_id, version in await store.unpublished(tx):
                public_key = self._keys.public_key(webhook_id, version)
                await store.publish(tx, platform_id, webhook_id, version, public_key)
            leased = await store.lease(tx, limit, self._pace.lease_seconds, busy=list(self._busy))
        self._busy.update(message.webhook_id for message in leased)
        return leased

    async def _keep_house(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < self._pace.sweep_seconds:
            return
        async with self._database.session() as tx:
            for message_id, webhook_id, state in await store.sweep(tx):
                facts = {"message_id": str(message_id), "webhook_id": str(webhook_id)}
                _LOG.error(f"message {state}", extra=facts)
        self._swept_at = now

    async def _deliver(self, message: Outgoing) -> None:
        try:
            await self._attempt(message)
        except DomainError as fault:
            # Sent or not, nobody knows: the lease runs out and it is sent again under the same id.
            _LOG.warning("outcome not written", extra=_facts(message) | {"code": fault.code})
        except Exception:  # noqa: BLE001 - one bad row must not end the channel of all others
            _LOG.exception("message failed", extra=_facts(message))
        finally:
            self._busy[message.webhook_id] -= 1
            self._busy += Counter()  # drops those at zero

    async def _attempt(self, message: Outgoing) -> None:
        if message.expires_at <= self._clock.now():
            await self._finish(message, "expired", "expired")
            return
        # (1) What is said: the signer's word, read and proven by itself.
        try:
            body = (await self._statements.sign(message.trader_id, message.message_id)).encode()
        except UnprovenStatement as refused:
            await self._finish(message, "dead", str(refused))
            return
        except DomainError as fault:
            await self._put_off(message, fault.code)
            return
        # (2) Who says it: every live version of the webhook's key.
        now = self._clock.now()
        signature = await self._signature(message, body, now)
        if signature is None:
            await self._put_off(message, "no_signing_key")
            return
        # (3) One attempt, and what it means.
        headers = {
            "Content-Type": SET_TYPE,
            "Accept": "application/json",
            "User-Agent": "tripcord-webhook/1",
            "webhook-id": str(message.message_id),
            "webhook-timestamp": str(unix_seconds(now)),
            "webhook-signature": signature,
        }
        verdict = await self._poster.post(message.url, headers, body)
        await self._record(message, verdict)

    async def _signature(self, message: Outgoing, body: bytes, now: datetime) -> str | None:
        async with self._database.session() as tx:
            live = await store.live_keys(tx, message.platform_id, message.webhook_id, now)
        # A published half that is not ours came with another secret, or from somebody else's hand:
        # a signature the receiver cannot verify helps nobody.
        versions = [
            key.version
            for key in live
            if key.public_key == self._keys.public_key(message.webhook_id, key.version)
        ]
        if not versions:
            return None
        signed = signed_content(str(message.message_id), unix_seconds(now), body)
        return self._keys.signatures(message.webhook_id, versions, signed)

    async def _record(self, message: Outgoing, verdict: Verdict) -> None:
        now = self._clock.now()
        step = after_attempt(verdict, message, now=now, jitter=self._dice())
        facts = _facts(message) | {"code": verdict.code}
        async with self._database.transaction() as tx:
            match step:
                case Done():
                    await store.finish(tx, message, "sent", None)
                    await store.mark_failing(tx, message, None)
                case Again(due_at=due_at, error=error):
                    await store.retry(tx, message, due_at, error, blamed=True)
                    await store.mark_failing(tx, message, now)
                case Disable(reason=reason):
                    await store.finish(tx, message, "dead", verdict.code)
                    await store.disable(tx, message, f"{reason}: {verdict.code}")
        match step:
            case Done():
                _LOG.info("webhook sent", extra=facts)
            case Again():
                _LOG.warning("webhook put off", extra=facts)
            case Disable():
                _LOG.error("webhook disabled, message dead", extra=facts)

    async def _put_off(self, message: Outgoing, code: str) -> None:
        due_at = self._clock.now() + OUR_FAULT
        async with self._database.session() as tx:
            await store.retry(tx, message, due_at, code, blamed=False)
        _LOG.warning("webhook put off", extra=_facts(message) | {"code": code})

    async def _finish(self, message: Outgoing, state: str, code: str) -> None:
        async with self._database.session() as tx:
            await store.finish(tx, message, state, code)
        _LOG.error(f"message {state}", extra=_facts(message) | {"code": code})


def _facts(message: Outgoing) -> dict[str, object]:
    return {
        "trader_id": str(message.trader_id),
        "message_id": str(message.message_id),
        "webhook_id": str(message.webhook_id),
        "topic": message.event,
        "attempt": message.failures + 1,
    }
