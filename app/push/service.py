"""The dispatcher: lease, send, write down what came of it."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from app.core.clock import Clock
from app.core.errors import DomainError
from app.db.pool import Database
from app.outbox import store
from app.outbox.loop import Loop, LoopPace
from app.outbox.models import Message
from app.push.doorbell import address_of, make_doorbell
from app.push.models import Doorbell, Finish, Retry, Verdict
from app.push.rules import RetryPolicy, after_sending, before_sending

_LOG = logging.getLogger(__name__)


class Sender(Protocol):
    """A provider. Never raises: what went wrong is a verdict."""

    async def send(self, doorbell: Doorbell) -> Verdict: ...


class Pace(LoopPace, frozen=True, kw_only=True):
    """How fast and how much, and how long to wait after what did not work."""

    retry: RetryPolicy = RetryPolicy()


class Dispatcher:
    """Drains the doorbells of the outbox. Any number may run: they share it by leases."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        clock: Clock,
        *,
        pace: Pace | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._pace = pace or Pace()
        self._dice = dice
        self._loop = Loop(self._lease, self._deliver, self._pace)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let sends under way end."""
        await self._loop.run(stop)

    async def _lease(self, limit: int) -> list[Message]:
        async with self._database.session() as tx:
            return await store.lease(tx, limit, self._pace.lease_seconds)

    async def _deliver(self, message: Message) -> None:
        try:
            await self._record(message, await self._send(message))
        except DomainError as fault:
            # Sent or not, nobody knows: the lease runs out, it is sent again, the phone drops it.
            _LOG.warning("outcome not written", extra=_facts(message) | {"code": fault.code})
        except Exception:  # noqa: BLE001 - one bad row must not end the dispatcher of all others
            _LOG.exception("message failed", extra=_facts(message))

    async def _send(self, message: Message) -> Finish | Retry:
        policy = self._pace.retry
        now = self._clock.now()
        ended = before_sending(message, now=now, policy=policy)
        address = address_of(message)
        if ended is not None or address is None:
            return ended or Finish(state="undeliverable")
        verdict = await self._sender.send(make_doorbell(message, address, now=now))
        return after_sending(
            verdict, message, now=self._clock.now(), policy=policy, jitter=self._dice()
        )

    async def _record(self, message: Message, step: Finish | Retry) -> None:
        match step:
            case Retry(due_at=due_at, error=error):
                async with self._database.session() as tx:
                    await store.retry(tx, message, due_at, error)
                _LOG.warning("message put off", extra=_facts(message) | {"code": error})
            case Finish(disable_registration=True):
                async with self._database.transaction() as tx:
                    await store.disable_registration(tx, message)
                    await store.finish(tx, message, step.state, step.error)
                _LOG.info("registration disabled", extra=_facts(message) | {"code": step.error})
            case Finish():
                async with self._database.session() as tx:
                    await store.finish(tx, message, step.state, step.error)
                level = logging.ERROR if step.state == "dead" else logging.INFO
                _LOG.log(
                    level, f"message {step.state}", extra=_facts(message) | {"code": step.error}
                )


def _facts(message: Message) -> dict[str, object]:
    address = address_of(message)
    return {
        "trader_id": str(message.trader_id),
        "message_id": str(message.message_id),
        "device_id": str(message.device_id),
        "topic": message.topic.value,
        "attempt": message.attempts,
        "registration": None if address is None else address.public_half,
    }
