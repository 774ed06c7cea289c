"""The dispatcher: lease, send, write down what came of it."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from app.core.clock import Clock
from app.core.errors import DomainError
from app.db.pool import Database
from app.outbox import store
from app.outbox.models import Message
from app.push.doorbell import address_of, make_doorbell
from app.push.models import Doorbell, Finish, Retry, Verdict
from app.push.rules import RetryPolicy, after_sending, before_sending

_LOG = logging.getLogger(__name__)


class Sender(Protocol):
    """A provider. Never raises: what went wrong is a verdict."""

    async def send(self, doorbell: Doorbell) -> Verdict: ...


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast and how much; durations in seconds."""

    slots: int = 30
    """Messages under way at once."""
    poll_seconds: float = 0.15
    """An empty look takes PostgreSQL 0.06 ms; NOTIFY would take a lock of the whole database at
    every commit."""
    lease_seconds: float = 30.0
    """Longer than the slowest send (4 x 5 s), and how long a killed dispatcher's messages wait."""
    fault_seconds: float = 1.0
    """Pause while the database is away."""
    drain_seconds: float = 4.0
    """Time for sends under way when asked to stop; `tripcord up` kills after 5."""
    retry: RetryPolicy = RetryPolicy()


class Dispatcher:
    """Drains the outbox. Any number may run: they share it by leases."""

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
        self._under_way: set[asyncio.Task[None]] = set()
        self._database_is_away = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let sends under way end.

        What does not end in time keeps its lease, and another dispatcher takes it when that is
        over.
        """
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                there_is_more = await self._take()
                await self._pause(stopping, there_is_more=there_is_more)
        finally:
            stopping.cancel()
            await self._drain()

    async def _take(self) -> bool:
        """Lease as many messages as there are free slots and set out to send each.

        Returns whether more may be waiting.
        """
        free = self._pace.slots - len(self._under_way)
        if not free:
            return True
        try:
            async with self._database.session() as tx:
                messages = await store.lease(tx, free, self._pace.lease_seconds)
        except DomainError as fault:
            if not self._database_is_away:
                _LOG.error("outbox cannot be read", extra={"code": fault.code})
            self._database_is_away = True
            return False
        if self._database_is_away:
            _LOG.info("outbox can be read again")
        self._database_is_away = False
        for message in messages:
            task = asyncio.create_task(self._deliver(message))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(messages) == free

    async def _pause(self, stopping: asyncio.Task[bool], *, there_is_more: bool) -> None:
        """Wait until it is worth looking again: with a backlog, as soon as a slot is free."""
        awaited = {stopping, *self._under_way} if there_is_more else {stopping}
        pace = self._pace
        seconds = pace.fault_seconds if self._database_is_away else pace.poll_seconds
        await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _drain(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._pace.drain_seconds)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

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
                _LOG.info(f"message {step.state}", extra=_facts(message) | {"code": step.error})


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
