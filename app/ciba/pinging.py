"""The dispatcher's channel for pings (CIBA section 10.2): there is something to fetch, no more."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

import msgspec

from app.ciba import store
from app.ciba.models import Ping
from app.ciba.rules import next_try
from app.core.clock import Clock
from app.core.errors import DomainError
from app.db.pool import Database
from app.outbox.loop import Loop, LoopPace
from app.webhooks.models import Result, Verdict

_LOG = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 8
"""Leased in one go, and what a platform may have under way: a quarter of the slots."""


class Poster(Protocol):
    """HTTP to a stranger's server: checked addresses, no redirects. Never raises."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Verdict: ...


class PingPace(LoopPace, frozen=True, kw_only=True):
    slots: int = 32
    lease_seconds: float = 45.0
    """Longer than the receiver's 15 s and a write."""
    sweep_seconds: float = 30.0


class PingDispatcher:
    """Drains the pings of the outbox. Any number may run: they share it by leases."""

    def __init__(
        self, database: Database, poster: Poster, clock: Clock, *, pace: PingPace | None = None
    ) -> None:
        self._database = database
        self._poster = poster
        self._clock = clock
        self._pace = pace or PingPace()
        self._busy: Counter[UUID] = Counter()
        self._swept_at = float("-inf")
        self._loop = Loop(self._lease, self._deliver, self._pace)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let requests under way end."""
        await self._loop.run(stop)

    async def _lease(self, limit: int) -> Sequence[Ping]:
        busy = [platform for platform, count in self._busy.items() if count >= MOST_AT_ONCE]
        now = asyncio.get_running_loop().time()
        async with self._database.session() as tx:
            if now - self._swept_at >= self._pace.sweep_seconds:
                await store.sweep(tx)
                self._swept_at = now
            most = min(limit, MOST_AT_ONCE)
            leased = await store.lease(tx, most, self._pace.lease_seconds, busy=busy)
        self._busy.update(ping.platform_id for ping in leased)
        return leased

    async def _deliver(self, ping: Ping) -> None:
        try:
            await self._attempt(ping)
        except DomainError as fault:
            # Sent or not, nobody knows: the lease runs out and it is sent again. It says the same.
            _LOG.warning("outcome not written", extra=_facts(ping) | {"code": fault.code})
        except Exception:  # noqa: BLE001 - one bad row must not end the channel of all others
            _LOG.exception("ping failed", extra=_facts(ping))
        finally:
            self._busy[ping.platform_id] -= 1
            self._busy += Counter()  # drops those at zero

    async def _attempt(self, ping: Ping) -> None:
        if ping.expires_at <= self._clock.now():
            await self._finish(ping, "expired", "expired")
            return
        if ping.endpoint is None:
            await self._finish(ping, "undeliverable", "no_endpoint")
            return
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {ping.notification_token.reveal().decode()}",
            "User-Agent": "tripcord-ciba/1",
        }
        body = msgspec.json.encode({"auth_req_id": ping.auth_req_id.reveal().decode()})
        verdict = await self._poster.post(ping.endpoint, headers, body)
        if verdict.result is Result.TAKEN:
            await self._finish(ping, "sent", None)
            return
        due_at = next_try(ping.failures + 1, now=self._clock.now())
        async with self._database.session() as tx:
            await store.retry(tx, ping, due_at, verdict.code)
        _LOG.warning("ping put off", extra=_facts(ping) | {"code": verdict.code})

    async def _finish(self, ping: Ping, state: str, error: str | None) -> None:
        async with self._database.transaction() as tx:
            await store.finish(tx, ping, state, error)
        _LOG.info(f"ping {state}", extra=_facts(ping) | {"code": error})


def _facts(ping: Ping) -> dict[str, object]:
    return {
        "trader_id": str(ping.trader_id),
        "message_id": str(ping.message_id),
        "platform_id": str(ping.platform_id),
        "attempt": ping.failures + 1,
    }
