"""Public market data of the markets somebody may trade: descriptions hourly, prices by the second.

On any failure the old row stays; the signer refuses what is too old (P8).
"""

import asyncio
from collections import Counter

from app.core.clock import Clock
from app.db.pool import Database
from app.egress import market_store
from app.egress.market_store import Market
from app.egress.reads import Desks
from app.egress.transport import Answer
from app.egress.work import Work
from app.exchanges.answers import answers_of
from app.exchanges.models import PublicRequest

REFERENCE_MARKET = "BTCUSDT"

_SNAPSHOT_SECONDS = 3_600.0
"""Age of "liquidity" and with it of the venue's filters (DESIGN section 10)."""
_SNAPSHOT_RETRY_SECONDS = 5.0
"""Doubled with every miss: a market that does not exist must not cost those that do."""
_MOST_DOUBLINGS = 10


class Markets:
    def __init__(self, db: Database, desks: Desks, work: Work, clock: Clock) -> None:
        self._db = db
        self._desks = desks
        self._work = work
        self._clock = clock
        self._snapshot_due: dict[Market, float] = {}
        self._misses: Counter[Market] = Counter()
        self._described: set[Market] = set()
        self._priced_at: dict[Market, float] = {}

    async def step(self) -> None:
        async with self._db.session() as tx:
            wanted = await market_store.wanted(tx, reference=REFERENCE_MARKET)
        now = asyncio.get_running_loop().time()
        # The one that waited longest goes first, so that nobody's markets starve another's.
        for market in sorted(wanted, key=lambda m: self._priced_at.get(m, 0.0)):
            desk = self._desks.get(market.venue_id)
            if desk is None:
                continue
            if now >= self._snapshot_due.get(market, now) and desk.pace.take("market"):
                misses = self._misses[market]
                wait = min(_SNAPSHOT_RETRY_SECONDS * 2**misses, _SNAPSHOT_SECONDS)
                self._snapshot_due[market] = now + wait
                self._misses[market] = min(misses + 1, _MOST_DOUBLINGS)
                self._spawn_snapshot(market)
            # A market that the venue did not describe when first asked has no price to ask for.
            known = market in self._described or self._misses[market] <= 1
            if known and desk.pace.take("ticker"):
                self._priced_at[market] = now
                self._spawn_price(market)

    def _spawn_snapshot(self, market: Market) -> None:
        self._work.spawn(("market", market), lambda: self._snapshot(market))

    def _spawn_price(self, market: Market) -> None:
        self._work.spawn(("price", market), lambda: self._price(market))

    async def _snapshot(self, market: Market) -> None:
        answers = answers_of(market.venue_id)
        asked_at = self._clock.now()
        answer = await self._get(market, answers.market_request(market.market))
        snapshot = answers.parse_market(
            answer.status, answer.body, market=market.market, as_of=asked_at
        )
        async with self._db.transaction() as tx:
            await market_store.put_snapshot(tx, snapshot)
        due = asyncio.get_running_loop().time() + _SNAPSHOT_SECONDS
        self._snapshot_due[market] = due
        self._misses[market] = 0
        self._described.add(market)

    async def _price(self, market: Market) -> None:
        answers = answers_of(market.venue_id)
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await self._get(market, answers.ticker_request(market.market))
        ticker = answers.parse_ticker(answer.status, answer.body, market=market.market)
        async with self._db.transaction() as tx:
            await market_store.put_price(tx, market.venue_id, ticker, age_seconds=clock() - began)

    async def _get(self, market: Market, request: PublicRequest) -> Answer:
        desk = self._desks[market.venue_id]
        answer = await desk.transport.send(
            request.method, request.path_and_query, request.headers, request.body
        )
        desk.pace.learn(answer)
        return answer
